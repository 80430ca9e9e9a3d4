import { createHash } from 'node:crypto';
import { Markup, markup } from '../markup/markup.js';

/** A captured mail as the pages show it. */
export interface ShownMail {
  readonly id: string;
  readonly sender: string;
  readonly recipient: string;
  readonly subject: string;
  readonly html: string;
  readonly plain: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly createdAt: Date;
}

const STYLE = `
:root{color-scheme:light dark;--bg:#eef1f6;--card:#fff;--ink:#1b2333;--quiet:#5f6b80;--line:#dfe4ee;--accent:#2f5af0;--hover:#f5f7fb}
@media(prefers-color-scheme:dark){:root{--bg:#10141d;--card:#181e2a;--ink:#e6eaf2;--quiet:#93a0b8;--line:#2a3344;--accent:#8aa4ff;--hover:#1f2735}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
main{max-width:920px;margin:0 auto;padding:32px 20px 48px}
header{display:flex;align-items:baseline;gap:12px;margin:0 0 20px;flex-wrap:wrap}
h1{margin:0;font-size:22px;line-height:1.3;overflow-wrap:anywhere}
h2{margin:28px 0 10px;font-size:13px;letter-spacing:.04em;text-transform:uppercase;color:var(--quiet)}
a{color:var(--accent)}
.quiet{color:var(--quiet)}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}
.mails{list-style:none;margin:0;padding:0}
.mails li+li{border-top:1px solid var(--line)}
.mails a{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:2px 16px;padding:14px 20px;color:inherit;text-decoration:none}
.mails a:hover,.mails a:focus-visible{background:var(--hover)}
.subject{font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.to{grid-column:1/-1;color:var(--quiet);font-size:14px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
time{color:var(--quiet);font-size:13px;font-variant-numeric:tabular-nums;white-space:nowrap;align-self:center}
.empty{padding:48px 20px;text-align:center}
.empty p{margin:0 0 4px}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:6px 18px;margin:0;padding:16px 20px}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
dd time{color:inherit;font-size:inherit}
.frame{height:620px;min-height:200px;resize:vertical}
iframe{display:block;width:100%;height:100%;border:0;background:#fff}
pre{margin:0;padding:16px 20px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * Nothing runs, nothing is loaded, nobody frames it. The framed mail inherits this policy (its document has no address of
 * its own), and mails bring their styles as attributes.
 */
export const PAGE_POLICY = `default-src 'none'; style-src-elem 'sha256-${STYLE_HASH}'; style-src-attr 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

function page(title: string, body: Markup): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`.text;
}

function shownTime(at: Date): Markup {
  const iso = at.toISOString();
  return markup`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

/** The list of captured mails. */
export function mailListPage(
  mails: readonly Omit<ShownMail, 'html' | 'plain' | 'headers' | 'sender'>[],
  captures: boolean,
): string {
  const rows = mails.map(
    ({
      id,
      recipient,
      subject,
      createdAt,
    }) => markup`<li><a href="/dev/mail/${id}"><span class="subject">${subject}</span>${shownTime(createdAt)}<span class="to">to ${recipient}</span></a></li>
`,
  );
  const why = captures
    ? 'What the platform would send appears here; nothing leaves this machine.'
    : 'SMTP_URL is set: mail goes to that server and is not captured.';
  const empty = markup`<div class="card empty"><p><strong>No mail yet</strong></p><p class="quiet">${why}</p></div>`;
  const count = mails.length === 1 ? '1 mail' : `${mails.length} mails, newest first`;
  return page(
    'Captured mail · Nexus',
    markup`<header><h1>Captured mail</h1>${mails.length === 0 ? '' : markup`<span class="quiet">${count}</span>`}</header>
${mails.length === 0 ? empty : markup`<ul class="card mails">${rows}</ul>`}`,
  );
}

/** One captured mail: as a mail program shows it, as text, and its headers. */
export function mailPage({ subject, sender, recipient, html, plain, headers, createdAt }: ShownMail): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return page(
    `${subject} · Captured mail · Nexus`,
    markup`<header><a href="/dev/mail">← All mail</a></header>
<header><h1>${subject}</h1></header>
<dl class="card"><dt>From</dt><dd>${sender}</dd><dt>To</dt><dd>${recipient}</dd><dt>When</dt><dd>${shownTime(createdAt)}</dd></dl>
<h2>HTML</h2>
<div class="card frame"><iframe title="The mail as HTML" sandbox="allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer" srcdoc="${html}"></iframe></div>
<h2>Text</h2>
<pre class="card">${plain}</pre>
<h2>Headers</h2>
<pre class="card">${lines.join('\n')}</pre>`,
  );
}
