import type { Slice } from './platform.ts';

function byDefault(field: Slice['fields'][string]): string {
  if (field.defaultText) return field.defaultText;
  const parsed = field.schema.safeParse(undefined);
  if (!parsed.success) return '**required**';
  const value = parsed.data;
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** docs/config.md */
export function configDocument(slices: readonly Slice[]): string {
  const sections = slices.map(({ name, fields }) => {
    const rows = Object.entries(fields).map(([variable, field]) => {
      const secret = field.secret ? ' Secret: never printed.' : '';
      return `| \`${variable}\` | ${byDefault(field)} | ${field.description.replaceAll('|', '\\|')}${secret} |`;
    });
    return `## ${name}\n\n| variable | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Configuration

Generated from the code by \`npm run generate\`; do not edit.

Everything is read from the environment when the process starts; all faults are reported together. Any variable may be
given as \`<NAME>_FILE\`, the path of a file that holds the value. \`node dist/apps/main.js --check-config\` checks,
\`--print-config\` shows what is in force, secrets masked.

${sections.join('\n')}`;
}
