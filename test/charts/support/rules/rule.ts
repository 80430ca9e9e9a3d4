import { isDeepStrictEqual } from 'node:util';
import type { Manifest } from '../manifests.js';

/** A rendered document that is taken apart on purpose. */
// biome-ignore lint/suspicious/noExplicitAny: what is broken on purpose has no form
export type Breakable = any;

/** Something that holds for the documents of every rendering. */
export interface Rule {
  readonly name: string;
  /** What is wrong, a sentence each. */
  readonly faults: (documents: readonly Manifest[]) => string[];
  /** Changes that break the rule, by what they do: each must be found. */
  readonly broken: Readonly<Record<string, (documents: Breakable[]) => void>>;
}

/** What a rule says after one of its changes. @throws Error when the change changes nothing */
export function faultsAfter(rule: Rule, change: string, documents: readonly Manifest[]): string[] {
  const changed = structuredClone(documents) as Breakable[];
  rule.broken[change]?.(changed);
  if (isDeepStrictEqual(changed, documents)) throw new Error(`"${change}" changes nothing`);
  return rule.faults(changed);
}

/** The first document of a kind, to be broken. */
export function first(documents: Breakable[], kind: string, name?: RegExp): Breakable {
  const found = documents.find((document) => document.kind === kind && (!name || name.test(document.metadata.name)));
  if (!found) throw new Error(`There is no ${kind} to break`);
  return found;
}

/** `condition` or the sentence. */
export const unless = (condition: boolean, sentence: string): string[] => (condition ? [] : [sentence]);
