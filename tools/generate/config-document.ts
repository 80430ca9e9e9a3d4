import type { Slice } from './slice.ts';

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

/** What a newcomer touches first. */
const COMMON = [
  'PORT',
  'HOST',
  'MANAGEMENT_PORT',
  'NEXUS_ENV',
  'NEXUS_DATA_DIR',
  'PUBLIC_URL',
  'DATABASE_URL',
  'ADMIN_EMAIL',
  'ADMIN_PASSWORD',
  'AUTH_SECRET',
  'SMTP_URL',
  'CORS_ORIGINS',
  'TRUSTED_PROXIES',
  'RATE_LIMIT_ANONYMOUS',
  'RATE_LIMIT_USER',
  'RATE_LIMIT_ADMIN',
  'FILE_QUOTA_BYTES',
  'LOG_LEVEL',
];
const TABLE = /(<!-- config: [^>]*-->\n)[\s\S]*?(<!-- \/config -->)/;

/** The README with its table of the commonest variables made anew. @throws Error when the README has no place for it */
export function withConfigTable(readme: string, slices: readonly Slice[]): string {
  if (!TABLE.test(readme)) throw new Error('README.md has no <!-- config: … --> section');
  const fields = new Map(slices.flatMap((slice) => Object.entries(slice.fields)));
  const rows = COMMON.map((name) => {
    const field = fields.get(name);
    if (!field) throw new Error(`${name} is in no configuration slice`);
    return `| \`${name}\` | ${byDefault(field)} | ${field.description.replaceAll('|', '\\|')} |`;
  });
  const table = `\n| variable | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n\n`;
  return readme.replace(TABLE, (_match, start: string, end: string) => `${start}${table}${end}`);
}
