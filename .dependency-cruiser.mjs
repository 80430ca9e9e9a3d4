/**
 * The dependency rules of the house plan, as `npm run check` enforces them (tools/check/dependencies.ts runs them and
 * prints each rule's `comment`). Type-only imports count: what a file needs in order to be read is a dependency too.
 */

/** Libs by rank, left to right: a lib imports only from ranks before its own. Add a new lib here first. */
export const LIB_RANKS = [
  ['kernel'],
  ['contracts'],
  // Every lib to the right declares a config slice, observability too.
  ['config'],
  ['observability'],
  ['secrets', 'resilience', 'redis'],
  ['database', 'caching'],
  ['messaging'],
  ['search', 'audit'],
  ['auth-guards'],
  ['throttling'],
  ['http', 'clients'],
  ['bootstrap'],
  ['testing'],
];

/** Clients of systems outside, by package or scope: they sit behind a port and load with `await import()` in its factory. */
export const THIRD_PARTY_SDKS = [
  '@aws-sdk',
  '@elastic',
  '@google-cloud',
  '@opensearch-project',
  '@smithy',
  'aws-sdk',
  'minio',
  'nodemailer',
  'node-vault',
  'twilio',
  'web-push',
];

const SPEC = '\\.spec\\.ts$';
const TESTING = '^libs/testing/';
// An SDK that is not installed stays an unresolved bare name.
const SDK_PATH = ['node_modules/', '^'].map((prefix) => `${prefix}(${THIRD_PARTY_SDKS.join('|')})(/|$)`);
const RANKS_IN_WORDS = LIB_RANKS.map((rank) => rank.join(' ')).join(' · ');

/** One rule per lib: everything of its own rank or to the right, itself excepted, is out of bounds. */
function rankRules() {
  return LIB_RANKS.flatMap((rank, index) =>
    rank.map((lib) => {
      const outOfBounds = LIB_RANKS.slice(index)
        .flat()
        .filter((other) => other !== lib && other !== 'testing');
      return {
        name: `lib-rank-${lib}`,
        severity: 'error',
        comment: `${lib} may import only libs of lower rank (${RANKS_IN_WORDS})`,
        from: { path: `^libs/${lib}/` },
        to: { path: `^libs/(${outOfBounds.join('|')})/` },
      };
    }),
  ).filter((rule) => rule.to.path !== '^libs/()/');
}

/** Inside an app the arrows point controller → service → repository → entity. */
function layerRules() {
  const forbidden = {
    entity: ['repository', 'service', 'controller'],
    repository: ['service', 'controller'],
    service: ['controller'],
    controller: ['repository', 'entity'],
  };
  return Object.entries(forbidden).map(([kind, others]) => ({
    name: `layer-${kind}`,
    severity: 'error',
    comment: `inside an app: controller → service → repository → entity; ${kind} files do not import ${others.join(' or ')} files`,
    from: { path: `^apps/[^/]+/src/.*\\.${kind}\\.ts$` },
    to: { path: `^apps/[^/]+/src/.*\\.(${others.join('|')})\\.ts$` },
  }));
}

export default {
  forbidden: [
    {
      name: 'lib-imports-app',
      severity: 'error',
      comment: 'a lib never imports an app',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'app-imports-app',
      severity: 'error',
      comment: 'an app never imports another app; it needs a port of @nexus/contracts instead',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/[^/]+/', pathNot: '^apps/$1/' },
    },
    {
      name: 'app-imports-root',
      severity: 'error',
      comment: 'only the entry src/main.ts of an app may import the composition root (apps/main.ts, apps/catalog.ts)',
      from: { path: '^apps/[^/]+/', pathNot: '^apps/[^/]+/src/main\\.ts$' },
      to: { path: '^apps/[^/]+\\.ts$' },
    },
    {
      name: 'app-entry',
      severity: 'error',
      comment: 'the composition root enters an app only through its src/index.ts',
      from: { path: '^apps/[^/]+\\.ts$' },
      to: { path: '^apps/[^/]+/', pathNot: '^apps/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'root-file',
      severity: 'error',
      comment: 'directly under apps/ only main.ts and catalog.ts (and their specs) may import apps',
      from: { path: '^apps/[^/]+\\.ts$', pathNot: '^apps/(main|catalog)\\.(spec\\.)?ts$' },
      to: { path: '^apps/[^/]+/' },
    },
    {
      name: 'lib-entry',
      severity: 'error',
      comment: 'a lib is entered only through its src/index.ts: import @nexus/<lib>',
      from: { path: '^(apps|test|tools|bench)/' },
      to: { path: '^libs/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'lib-entry-from-lib',
      severity: 'error',
      comment: 'a lib is entered only through its src/index.ts: import @nexus/<lib>',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/[^/]+/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    ...rankRules(),
    {
      name: 'testing-in-product',
      severity: 'error',
      comment: '@nexus/testing is for specs and test/ alone',
      from: { path: '^(apps|libs)/', pathNot: [SPEC, TESTING, '^apps/[^/]+/test/'] },
      to: { path: TESTING },
    },
    ...layerRules(),
    {
      name: 'cycle',
      severity: 'error',
      comment: 'no import cycles (type-only imports count)',
      from: {},
      to: { circular: true },
    },
    {
      name: 'acceptance-black-box',
      severity: 'error',
      comment: 'test/acceptance knows only a base URL: it imports no source of the product, built or not',
      from: { path: '^test/acceptance/' },
      to: { path: '^(apps|libs|dist|tools|bench)/' },
    },
    {
      name: 'product-imports-tooling',
      severity: 'error',
      comment: 'the product does not import tools/, bench/, test/ or dist/',
      from: { path: '^(apps|libs)/' },
      to: { path: '^(tools|bench|test|dist)/' },
    },
    {
      name: 'imports-spec',
      severity: 'error',
      comment: 'nothing imports a spec',
      from: {},
      to: { path: SPEC },
    },
    {
      name: 'sdk-static-import',
      severity: 'error',
      comment:
        'third-party SDKs sit behind a port and are loaded by `await import()` in the provider factory (`import type` is fine)',
      from: { path: '^(apps|libs)/', pathNot: [SPEC, TESTING] },
      to: { path: SDK_PATH, dynamic: false, dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'sdk-in-index',
      severity: 'error',
      comment: 'the index of a lib does not export a third-party SDK, its types included',
      from: { path: '^libs/[^/]+/src/index\\.ts$' },
      to: { path: SDK_PATH },
    },
    {
      name: 'dev-dependency-in-product',
      severity: 'error',
      comment: 'the product may not need a devDependency at run time: it is absent from the image',
      from: { path: '^(apps|libs)/', pathNot: [SPEC, TESTING] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'type-import', 'npm'] },
    },
    {
      name: 'undeclared-dependency',
      severity: 'error',
      comment: 'import only packages that package.json names',
      from: { path: '^(apps|libs|test)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'unresolvable',
      severity: 'error',
      comment: 'the import leads nowhere (@nexus/<lib> needs a line in tsconfig.json, a file its .js ending)',
      from: { path: '^(apps|libs|test|tools|bench)/', pathNot: '\\.mjs$' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^dist/'] },
    tsPreCompilationDeps: true,
    preserveSymlinks: true,
    enhancedResolveOptions: {
      // `import './x.js'` names the file x.ts that it is built from.
      extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'] },
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
