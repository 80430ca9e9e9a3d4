/** One Jest for every suite; `npm test` passes the projects that need no further server. */
const swc = [
  '@swc/jest',
  {
    sourceMaps: 'inline',
    swcrc: false,
    module: { type: 'es6' },
    jsc: {
      target: 'es2023',
      keepClassNames: true,
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    },
  },
];

export default {
  testEnvironment: '<rootDir>/tools/test/jest-environment.mjs',
  testSequencer: '<rootDir>/tools/test/spec-order.mjs',
  reporters: ['default', '<rootDir>/tools/check/jest-summary.mjs'],
  globalSetup: '<rootDir>/tools/postgres/jest-global-setup.mjs',
  globalTeardown: '<rootDir>/tools/postgres/jest-global-teardown.mjs',
  // A busy machine takes its time; nothing waits for this when all is well.
  testTimeout: 30_000,
  testRegex: '\\.spec\\.ts$',
  // What kills, fills, waits for long or starts whole processes (`*.long.spec.ts`) and what needs more servers is for `npm run verify`.
  testPathIgnorePatterns: [
    ...['/node_modules/', '/dist/', '/test/acceptance/', '/test/readme/', '/test/verify/'],
    '\\.long\\.spec\\.ts$',
  ],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': swc },
  moduleNameMapper: {
    '^@nexus/([^/]+)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};
