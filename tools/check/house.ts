/** Checks the limits of the house that no other tool knows, over the tree in the working directory. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { report } from './fault.ts';
import { nameFaults } from './house-names.ts';
import { sourceFaults } from './house-source.ts';
import { isGenerated, listEntries } from './source-tree.ts';

const root = process.cwd();
const entries = listEntries(root);
const sources = entries.filter(
  ({ file, isDirectory }) => !isDirectory && /\.(ts|mts|cts|js|mjs|cjs)$/.test(file) && !isGenerated(file),
);
const faults = [
  ...entries.flatMap(nameFaults),
  ...sources.flatMap(({ file }) => sourceFaults(file, readFileSync(path.join(root, file), 'utf8'))),
];
process.exitCode = report(faults, `${sources.length} source files`);
