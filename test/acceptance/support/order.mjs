/** The files that wait for a window of a minute come first, so that the others run meanwhile. */
const FIRST = /limits\.spec\.ts$/;

const bytes = ({ context, path }) => context.hasteFS.getSize(path) ?? 0;

/** A test sequencer of Jest (https://jestjs.io/docs/configuration#testsequencer-string). */
export default class Order {
  sort(tests) {
    const rank = (test) => (FIRST.test(test.path) ? 0 : 1);
    return [...tests].sort((a, b) => rank(a) - rank(b) || bytes(b) - bytes(a));
  }

  shard(tests, { shardIndex, shardCount }) {
    return tests.filter((_, n) => n % shardCount === shardIndex - 1);
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}
