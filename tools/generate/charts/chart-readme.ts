import { type Group, type Json, type Row, rowsOf } from './values-tree.ts';

const cell = (words: string): string => words.replaceAll('|', '\\|');

function shown(value: Json | undefined): string {
  if (value === undefined) return '';
  return `\`${cell(typeof value === 'string' && value !== '' ? value : JSON.stringify(value))}\``;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ path, about, byDefault }) => `| \`${path}\` | ${shown(byDefault)} | ${cell(about)} |`);
  return `| value | default | meaning |\n|---|---|---|\n${lines.join('\n')}\n`;
}

/** One table of a README. */
export interface Section {
  readonly title: string;
  readonly about: string;
  readonly fields: Group['fields'];
}

/** README.md of a chart. */
export function chartReadme(name: string, about: string, sections: readonly Section[]): string {
  const parts = sections.map(
    ({ title, about: words, fields }) => `## ${title}\n\n${words}\n\n${table(rowsOf({ about: '', fields }, ''))}`,
  );
  return `# ${name}

Generated from \`tools/generate/charts\` by \`npm run generate\`; do not edit.

${about}

${parts.join('\n')}`;
}
