import type { ErrorEntry } from './platform.ts';

/** docs/errors.md */
export function errorDocument(errors: readonly ErrorEntry[]): string {
  const rows = errors.map(({ code, status, owner, message }) => `| \`${code}\` | ${status} | ${owner} | ${message} |`);
  return `# Errors

Generated from the code by \`npm run generate\`; do not edit.

Every error answer, whatever layer gave it, has one form:

\`\`\`json
{"success":false,"error":"Human-readable message","error_code":409,"request_id":"6f9619ff-8b86-4d11-b42d-00c04fc964ff",
 "details":[{"code":"email_taken","field":"email","message":"…"}]}
\`\`\`

\`error_code\` is the HTTP status. \`details[0].code\` is the stable machine-readable reason: one of these. The sentence may change, the code does not.

| code | status | owner | sentence |
|---|---|---|---|
${rows.join('\n')}
`;
}
