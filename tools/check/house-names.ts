/** Names of files and folders: kebab-case, kind suffixes from a closed list, no catch-all folders. */
import type { Fault } from './fault.ts';
import type { Entry } from './source-tree.ts';

/** What a file under apps/<app>/src or libs/<lib>/src may be: `<stem>.<kind>.ts`. */
export const KINDS = [
  'module',
  'controller',
  'service',
  'repository',
  'entity',
  'schemas',
  'port',
  'local',
  'client',
  'guard',
  'interceptor',
  'filter',
  'config',
  'errors',
  'event',
  'job',
  // Not in the house plan, but kinds of Nest and of the workspace that have no other name.
  'decorator',
  'pipe',
  'migration',
  'generated',
];

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const CODE = /\.(ts|mts|cts|js|mjs|cjs)$/;
const CATCH_ALL = /^(.*-)?(utils?|helpers?|common|shared)$/;
const ALSO_ALLOWED_FOLDERS = new Set(['__snapshots__']);

/** Judges one entry of the source tree by its path alone. */
export function nameFaults({ file, isDirectory }: Entry): Fault[] {
  const name = file.slice(file.lastIndexOf('/') + 1);
  if (isDirectory) return folderRules(name).map((rule) => ({ file, line: 1, rule }));
  if (!CODE.test(name)) return [];
  return fileRules(file, name).map((rule) => ({ file, line: 1, rule }));
}

function folderRules(name: string): string[] {
  if (ALSO_ALLOWED_FOLDERS.has(name)) return [];
  return [
    ...(KEBAB.test(name) ? [] : [`folder ${name}: names are kebab-case`]),
    ...(CATCH_ALL.test(name) ? [`folder ${name}: no utils, helpers, common or shared; name it for what it does`] : []),
  ];
}

function fileRules(file: string, name: string): string[] {
  const [stem = '', ...suffixes] = name.replace(CODE, '').split('.');
  const rules: string[] = [];
  if (![stem, ...suffixes].every((part) => KEBAB.test(part))) rules.push(`${name}: names are kebab-case`);
  if (CATCH_ALL.test(stem)) rules.push(`${name}: no utils, helpers, common or shared; name it for what it does`);
  const inSource = /^(apps|libs)\/[^/]+\/src\/(.*)$/.exec(file);
  if (inSource) rules.push(...kindRules(inSource[2] ?? '', suffixes));
  return rules;
}

function kindRules(inner: string, suffixes: readonly string[]): string[] {
  const isSpec = suffixes.at(-1) === 'spec';
  // A spec that takes long says so: `npm run verify` runs it.
  const kinds = isSpec ? suffixes.slice(0, suffixes.at(-2) === 'long' ? -2 : -1) : suffixes;
  const unknown = kinds.filter((kind) => !KINDS.includes(kind));
  if (unknown.length > 0) return [`suffix .${unknown[0]}: a file's kind is one of .${KINDS.join(' .')}, or .spec`];
  return kinds.length > 1 ? [`${inner}: a file has one kind`] : [];
}
