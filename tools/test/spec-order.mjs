/**
 * The specs that take longest come first, those that mostly wait before those that work: none of them is then left to
 * one worker at the end. Without this a fresh clone, which remembers no times, goes by the sizes of the files.
 */
const FIRST = [
  'tools/launcher/launcher.long.spec.ts',
  'tools/launcher/bootstrap.long.spec.ts',
  'test/process/flags.long.spec.ts',
  'apps/notification/src/mail/deliver-mail.job.long.spec.ts',
  'tools/postgres/embedded.long.spec.ts',
  'apps/notification/src/stream/inbox-streams.long.spec.ts',
  'libs/clients/src/remote-stream.spec.ts',
  'libs/database/src/shared-connections.spec.ts',
  'apps/gateway/test/websocket.spec.ts',
  'tools/check/main.spec.ts',
  'libs/observability/src/log-destination.spec.ts',
];

/** @typedef {import('@jest/test-result').Test} Test */

/** @param {Test} test */
const bytes = ({ context, path }) => context.hasteFS.getSize(path) ?? 0;

/** @param {Test} test */
function rank({ path }) {
  const place = FIRST.findIndex((name) => path.endsWith(`/${name}`));
  return place < 0 ? FIRST.length : place;
}

/** A test sequencer of Jest (https://jestjs.io/docs/configuration#testsequencer-string). */
export default class SpecOrder {
  /** @param {Test[]} tests */
  sort(tests) {
    return [...tests].sort((a, b) => rank(a) - rank(b) || bytes(b) - bytes(a));
  }

  /**
   * @param {Test[]} tests
   * @param {{ shardIndex: number, shardCount: number }} shard
   */
  shard(tests, { shardIndex, shardCount }) {
    return tests.filter((_, n) => n % shardCount === shardIndex - 1);
  }

  /** @param {Test[]} tests */
  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}
