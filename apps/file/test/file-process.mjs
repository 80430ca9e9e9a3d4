/**
 * The file service in a process of its own, for tests that kill it or weigh it. It tells its parent `{ url, token }`
 * when it listens. Told a place, by message or by STALL_AT, it stands still there once and says `{ reached }`.
 */
import 'reflect-metadata';
import './source-hooks.mjs';

const source = (path) => import(new URL(`../../../${path}`, import.meta.url).href);
const { compose, createApp, defineService, loadProcessConfig, runApp } = await source('libs/bootstrap/src/index.ts');
const { ProjectDirectory, TokenTrust } = await source('libs/contracts/src/index.ts');
const { createLogger } = await source('libs/observability/src/index.ts');
const { TEST_ISSUER, TokenMint } = await source('libs/testing/src/token-mint.ts');
const { fileService } = await source('apps/file/src/index.ts');
const { FolderObjectStore } = await source('apps/file/src/storage/folder-object-store.ts');
const { RemovalsRepository } = await source('apps/file/src/storage/removals.repository.ts');
const { UploadLedger } = await source('apps/file/src/uploads/upload-ledger.service.ts');
const { Module } = await import('@nestjs/common');

const { STALL_AT, ...env } = process.env;

/** Replaces a method for its next call. */
function once(prototype, name, replacement) {
  const original = prototype[name];
  prototype[name] = function (...args) {
    prototype[name] = original;
    return replacement.call(this, original.bind(this), ...args);
  };
}

/** What is asked next stands still at this place and does not come back: the parent ends the process there. */
function stallAt(stage) {
  const stall = () => {
    process.send({ reached: stage });
    return new Promise(() => undefined);
  };
  const places = {
    /** The upload is noted, nothing is written. */
    begun: () => once(FolderObjectStore.prototype, 'begin', stall),
    /** The content has its final name, the file is not made. */
    renamed: () =>
      once(FolderObjectStore.prototype, 'begin', async (begin, key) => {
        const sink = await begin(key);
        return { ...sink, commit: () => sink.commit().then(stall) };
      }),
    /** The file is made, nobody has been told. */
    committed: () => once(UploadLedger.prototype, 'complete', (complete, ...args) => complete(...args).then(stall)),
    /** It is noted that the object has to go, and it is there. */
    noted: () => once(FolderObjectStore.prototype, 'delete', stall),
    /** The object is gone, the note that it has to go is there. */
    removed: () => once(RemovalsRepository.prototype, 'done', stall),
  };
  places[stage]();
}
if (STALL_AT) stallAt(STALL_AT);

class NoProjects extends ProjectDirectory {
  async access() {
    return { role: null };
  }
}
const mint = new TokenMint();
class Mint {}
class Projects {}
class Doubles {}
Module({
  providers: [
    { provide: Mint, useValue: mint },
    { provide: Projects, useValue: new NoProjects() },
  ],
})(Doubles);
const doubles = defineService({
  name: 'gateway',
  port: 0,
  module: async () => Doubles,
  provides: [
    { port: TokenTrust, provider: Mint, callers: ['file', 'gateway'] },
    { port: ProjectDirectory, provider: Projects, callers: ['file'] },
  ],
});

const composition = compose(['gateway', 'file'], [doubles, fileService]);
const config = loadProcessConfig(composition.services, {
  ...env,
  PORT: '0',
  MANAGEMENT_PORT: '0',
  PUBLIC_URL: TEST_ISSUER,
});
const logger = createLogger({ service: 'file', version: '0', environment: 'development', level: 'silent' });
const { urls, stop } = await runApp(await createApp(composition, config, logger));
process.on('message', (stage) => {
  stallAt(stage);
  process.send({ armed: stage });
});
process.send({ url: urls[0], token: mint.token({ sub: env.TEST_USER }) });
process.once('SIGTERM', () => stop().then(() => process.exit(0)));
process.once('disconnect', () => process.exit(1));
