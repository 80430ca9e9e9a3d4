import { stringify } from 'yaml';
import { type Group, isGroup, isSet, type Json, type Node } from './values-tree.ts';

const WIDTH = 116;

/** A sentence as comment lines. */
function comment(about: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}#`;
  for (const word of about.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function plain(key: string, value: Json, indent: string): string[] {
  const isNested = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  const body = stringify(value, { lineWidth: 0, defaultStringType: 'PLAIN' }).trimEnd();
  if (!isNested) return [`${indent}${key}: ${body}`];
  return [`${indent}${key}:`, ...body.split('\n').map((line) => `${indent}  ${line}`)];
}

function lines(key: string, node: Node, indent: string): string[] {
  if (!isGroup(node)) return [...comment(node.about, indent), ...plain(key, node.byDefault, indent)];
  const set = Object.entries(node.fields).filter(([name]) => isSet(node, name));
  if (set.length === 0) return [...comment(node.about, indent), `${indent}${key}: {}`];
  return [
    ...comment(node.about, indent),
    `${indent}${key}:`,
    ...set.flatMap(([name, child]) => lines(name, child, `${indent}  `)),
  ];
}

/** values.yaml with a comment above each value. */
export function valuesFile(about: string, fields: Group['fields']): string {
  const parts = Object.entries(fields).map(([key, node]) => lines(key, node, '').join('\n'));
  return `# ${about}\n# Generated from tools/generate/charts by \`npm run generate\`; do not edit.\n\n${parts.join('\n\n')}\n`;
}
