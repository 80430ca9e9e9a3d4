import { Markup, markup } from '../markup/markup.js';

/** A mail before anybody knows how it will be sent. */
export interface ComposedMail {
  /** Which template made it. */
  readonly template: string;
  readonly subject: string;
  readonly html: string;
  readonly text: string;
}

/** What a mail says. Everything is text; the layout escapes it. */
export interface MailContent {
  readonly template: string;
  readonly subject: string;
  /** What a mailbox shows beside the subject. */
  readonly preview: string;
  readonly heading: string;
  readonly paragraphs: readonly string[];
  /** Facts as rows: name, value. */
  readonly facts?: readonly (readonly [string, string])[];
  readonly action?: { readonly label: string; readonly url: string };
  /** Why the person gets this mail. */
  readonly reason: string;
}

const FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const INK = '#1b2333';
const QUIET = '#5f6b80';

function factRows(facts: NonNullable<MailContent['facts']>): Markup {
  const rows = facts.map(
    ([name, value]) => markup`
<tr>
<td style="padding:6px 16px 6px 0;font:14px/20px ${FONT};color:${QUIET};white-space:nowrap;vertical-align:top">${name}</td>
<td style="padding:6px 0;font:600 14px/20px ${FONT};color:${INK};word-break:break-word">${value}</td>
</tr>`,
  );
  return markup`<table role="presentation" cellpadding="0" cellspacing="0" border="0" width="100%" style="margin:0 0 20px;background:#f5f7fb;border-radius:8px"><tr><td style="padding:10px 18px"><table role="presentation" cellpadding="0" cellspacing="0" border="0">${rows}</table></td></tr></table>`;
}

function button({ label, url }: NonNullable<MailContent['action']>): Markup {
  return markup`<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:4px 0 24px"><tr><td style="border-radius:8px;background:#2f5af0"><a href="${url}" target="_blank" rel="noopener noreferrer" style="display:inline-block;padding:12px 22px;font:600 15px/20px ${FONT};color:#ffffff;text-decoration:none;border-radius:8px">${label}</a></td></tr></table>
<p style="margin:0 0 4px;font:13px/20px ${FONT};color:${QUIET}">Or open this address:<br><a href="${url}" target="_blank" rel="noopener noreferrer" style="color:#2f5af0;word-break:break-all">${url}</a></p>`;
}

/** Tables and inline styles: what mail programs show alike (no style sheets, scripts or remote pictures). */
function htmlOf(content: MailContent): Markup {
  const { heading, paragraphs, facts, action, reason, preview, subject } = content;
  const text = paragraphs.map(
    (paragraph) => markup`<p style="margin:0 0 16px;font:16px/25px ${FONT};color:${INK}">${paragraph}</p>
`,
  );
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light">
<title>${subject}</title>
</head>
<body style="margin:0;padding:0;background:#eef1f6">
<div style="display:none;max-height:0;overflow:hidden;opacity:0">${preview}</div>
<table role="presentation" cellpadding="0" cellspacing="0" border="0" width="100%" style="background:#eef1f6"><tr><td align="center" style="padding:32px 16px">
<table role="presentation" cellpadding="0" cellspacing="0" border="0" width="100%" style="max-width:560px">
<tr><td style="padding:0 4px 16px;font:700 18px/24px ${FONT};color:${INK};letter-spacing:.2px"><span style="color:#2f5af0">&#9670;</span>&nbsp;Nexus</td></tr>
<tr><td style="padding:32px;background:#ffffff;border:1px solid #dfe4ee;border-radius:12px">
<h1 style="margin:0 0 16px;font:700 24px/31px ${FONT};color:${INK}">${heading}</h1>
${text}${facts ? factRows(facts) : ''}${action ? button(action) : ''}
</td></tr>
<tr><td style="padding:16px 4px 0;font:12px/18px ${FONT};color:${QUIET}">${reason}</td></tr>
</table>
</td></tr></table>
</body>
</html>
`;
}

function textOf({ heading, paragraphs, facts, action, reason }: MailContent): string {
  const parts = [heading, ...paragraphs];
  if (facts) parts.push(facts.map(([name, value]) => `${name}: ${value}`).join('\n'));
  if (action) parts.push(`${action.label}:\n${action.url}`);
  return `${[...parts, `--\n${reason}`].join('\n\n')}\n`;
}

/** Makes both forms of a mail from what it says. */
export function composeMail(content: MailContent): ComposedMail {
  const { template, subject } = content;
  return { template, subject, html: htmlOf(content).text, text: textOf(content) };
}
