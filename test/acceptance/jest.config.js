/** The black box against a running server; README.md beside this file says what it needs. */
const swc = [
  '@swc/jest',
  {
    sourceMaps: 'inline',
    swcrc: false,
    module: { type: 'es6' },
    jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
  },
];

/** What test/readme has in common with this. */
export const blackBox = {
  testEnvironment: 'node',
  reporters: ['default', '<rootDir>/../../tools/check/jest-summary.mjs'],
  testRegex: '\\.spec\\.ts$',
  testTimeout: 30_000,
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': swc },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
};

export default { ...blackBox, testSequencer: '<rootDir>/support/order.mjs' };
