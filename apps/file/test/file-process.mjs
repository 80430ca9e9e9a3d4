/**
 * The file service in a process of its own, for tests that kill it or weigh it. The first line it reads is
 * `{ env, stallAt }`; it writes `listening { url, token }`. Told a place (`stallAt`), then or in a later line, it writes
 * `armed <place>`, stands still there once and writes `reached <place>`.
 */
import { createInterface } from 'node:readline';
import 'reflect-metadata';

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

const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
const { env, stallAt: firstStall } = JSON.parse((await lines.next()).value);
const say = (what, about) => process.stdout.write(`${what} ${about}\n`);

/** Replaces a method for its next call. */
function replaceOnce(prototype, name, replacement) {
  const original = prototype[name];
  prototype[name] = function (...args) {
    prototype[name] = original;
    return replacement.call(this, original.bind(this), ...args);
  };
}

/** What is asked next stands still at this place and does not come back: the parent ends the process there. */
function stallAt(stage) {
  const stall = () => {
    say('reached', stage);
    return new Promise(() => undefined);
  };
  const places = {
    /** The upload is noted, nothing is written. */
    begun: () => replaceOnce(FolderObjectStore.prototype, 'begin', stall),
    /** The content has its final name, the file is not made. */
    renamed: () =>
      replaceOnce(FolderObjectStore.prototype, 'begin', async (begin, key) => {
        const sink = await begin(key);
        return { ...sink, commit: () => sink.commit().then(stall) };
      }),
    /** The file is made, nobody has been told. */
    committed: () =>
      replaceOnce(UploadLedger.prototype, 'complete', (complete, ...args) => complete(...args).then(stall)),
    /** It is noted that the object has to go, and it is there. */
    noted: () => replaceOnce(FolderObjectStore.prototype, 'delete', stall),
    /** The object is gone, the note that it has to go is there. */
    removed: () => replaceOnce(RemovalsRepository.prototype, 'done', stall),
  };
  places[stage]();
  say('armed', stage);
}
if (firstStall) stallAt(firstStall);

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
say('listening', JSON.stringify({ url: urls[0], token: mint.token({ sub: env.TEST_USER }) }));
for await (const line of lines) stallAt(JSON.parse(line).stallAt);
// Nobody is left to ask.
await stop();
process.exit(0);
