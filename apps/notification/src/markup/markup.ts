const SPECIAL: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};
/** Characters that HTML does not take at all. */
const NOT_IN_HTML = /[\0-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g;

/** HTML that may be sent as it is. Only {@link markup} makes it. */
export class Markup {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** Text so that it stands for itself between tags and in quoted attributes. */
export function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(NOT_IN_HTML, '\ufffd')
    .replace(/[&<>"'`]/g, (character) => SPECIAL[character] as string);
}

export type MarkupValue = string | number | Markup | readonly Markup[];

function render(value: MarkupValue): string {
  if (value instanceof Markup) return value.text;
  return typeof value === 'object' ? value.map(render).join('') : escapeText(String(value));
}

/**
 * Template tag for HTML: every value is escaped unless it is {@link Markup} itself. Put values between tags or in
 * quoted attributes, never into scripts, styles or unquoted places.
 * @example markup`<p title="${title}">${text}</p>`
 */
export function markup(strings: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...values.map(render)));
}
