/** Checks the import graph of the tree in the working directory against `.dependency-cruiser.mjs`. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cruise, type ICruiseResult, type IViolation } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import rules, { LIB_RANKS } from '../../.dependency-cruiser.mjs';
import { type Fault, report } from './fault.ts';
import { CODE_FOLDERS, listEntries } from './source-tree.ts';

const root = process.cwd();
const sources = new Map<string, string[]>();

async function violations(): Promise<ICruiseResult> {
  const folders = CODE_FOLDERS.filter((folder) => existsSync(path.join(root, folder)));
  const tsConfigFile = path.join(root, 'tsconfig.json');
  const tsConfig: unknown = extractTSConfig(tsConfigFile);
  const { options, ...ruleSet } = rules;
  const { output } = await cruise(
    folders,
    // The published types lag behind the published schema, which the tool validates these against.
    { ...options, baseDir: root, validate: true, ruleSet, tsConfig: { fileName: tsConfigFile } } as Parameters<
      typeof cruise
    >[1],
    undefined,
    { tsConfig },
  );
  if (typeof output === 'string') throw new Error('dependency-cruiser answered with text instead of a result');
  return output;
}

/** The line of the first import of `specifier`; the tool itself reports files only. */
function lineOf(file: string, specifier: string | undefined): number {
  const lines = sources.get(file) ?? readFileSync(path.join(root, file), 'utf8').split('\n');
  sources.set(file, lines);
  const found = lines.findIndex((line) => line.includes(`'${specifier}'`) || line.includes(`"${specifier}"`));
  return found < 0 ? 1 : found + 1;
}

function toFault(violation: IViolation, comments: ReadonlyMap<string, string>): Fault {
  const rule = comments.get(violation.rule.name) ?? violation.rule.name;
  const specifier = violation.unresolvedTo ?? violation.to;
  const line = lineOf(violation.from, specifier);
  if (violation.cycle) {
    const loop = [violation.from, ...violation.cycle.map((step) => step.name)].join(' → ');
    return { file: violation.from, line, rule: `${rule}: ${loop}` };
  }
  return { file: violation.from, line, rule: `${specifier}: ${rule}` };
}

/** A loop is reported by the tool once per member; one is enough, and always the same one. */
function withoutRepeatedLoops(found: readonly IViolation[]): IViolation[] {
  const seen = new Set<string>();
  return [...found]
    .sort((a, b) => a.from.localeCompare(b.from))
    .filter((violation) => {
      if (!violation.cycle) return true;
      const key = violation.cycle
        .map((step) => step.name)
        .sort()
        .join('\n');
      return !seen.has(key) && seen.add(key);
    });
}

function libsWithoutRank(): Fault[] {
  const ranked = new Set(LIB_RANKS.flat());
  return listEntries(root, ['libs'])
    .filter(({ file, isDirectory }) => isDirectory && file.split('/').length === 2 && !ranked.has(file.slice(5)))
    .map(({ file }) => ({
      file: `${file}/src/index.ts`,
      line: 1,
      rule: 'a lib needs a rank: add it to LIB_RANKS in .dependency-cruiser.mjs',
    }));
}

const result = await violations();
const comments = new Map(rules.forbidden.map((rule) => [rule.name, rule.comment]));
const faults = withoutRepeatedLoops(result.summary.violations).map((violation) => toFault(violation, comments));
process.exitCode = report(
  [...faults, ...libsWithoutRank()],
  `${result.modules.length} modules and ${result.summary.totalDependenciesCruised ?? 0} imports`,
);
