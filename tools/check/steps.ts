/** What `npm run check` runs: each step is a command of its own, so that steps use all cores and fail apart. */
import { existsSync } from 'node:fs';
import path from 'node:path';

export interface Step {
  /** The name it is picked by on the command line. */
  readonly name: string;
  readonly does: string;
  /** Arguments of the running Node. */
  readonly command: readonly string[];
}

const TYPE_PROJECTS = [
  { name: 'types', project: 'tsconfig.json' },
  { name: 'types-tools', project: 'tools/tsconfig.json' },
  { name: 'types-bench', project: 'bench/tsconfig.json' },
];

/** The steps for the tree at `root`, the slowest first; the tools come from `home`, the checkout of this file. */
export function stepsFor(root: string, home: string): Step[] {
  const own = (script: string): string => path.join(home, 'tools/check', script);
  const modules = path.join(home, 'node_modules');
  const projects = TYPE_PROJECTS.filter(({ project }) => existsSync(path.join(root, project)));
  return [
    { name: 'dependencies', does: 'who may import whom', command: [own('dependencies.ts')] },
    ...projects.map(({ name, project }) => ({
      name,
      does: `TypeScript 7 on ${project}`,
      command: [path.join(modules, 'ts7/bin/tsc'), '--noEmit', '-p', project],
    })),
    { name: 'house', does: 'names, sizes, environment, left-out tests', command: [own('house.ts')] },
    {
      name: 'lint',
      does: 'format and lint (npm run format mends most)',
      command: [
        path.join(modules, '@biomejs/biome/bin/biome'),
        'check',
        '--error-on-warnings',
        '--max-diagnostics=200',
        '--no-errors-on-unmatched',
        '.',
      ],
    },
    { name: 'generated', does: 'generated files are current', command: [own('generated.ts')] },
  ];
}
