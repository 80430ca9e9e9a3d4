/** What was read, held against what was acknowledged. */
import type { Person, Project } from './ledger.ts';
import type { SeenNote } from './requests.ts';

/** Names that stand in a list more than once. */
export function doubledNames(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}

/**
 * Holds a project as it was read against what was acknowledged before (`then`) and until after (`now`) the read.
 * @returns what is wrong with it, and whether that is a loss
 */
export function judgeProject(
  seen: { readonly version: number; readonly description: string | null },
  then: Pick<Project, 'version'>,
  now: Pick<Project, 'name' | 'version' | 'description' | 'pending'>,
): { readonly kind: 'lost' | 'doubled'; readonly sentence: string } | undefined {
  const acknowledged = `version ${now.version} (${now.description})`;
  const found = `version ${seen.version} (${seen.description})`;
  const last = now.version + (now.pending === undefined ? 0 : 1);
  if (seen.version < then.version)
    return { kind: 'lost', sentence: `project ${now.name}: ${acknowledged} was acknowledged, ${found} is there` };
  if (seen.version > last)
    return { kind: 'doubled', sentence: `project ${now.name}: ${acknowledged} was acknowledged, ${found} is there` };
  const description = seen.version > now.version ? now.pending : now.description;
  // One that was overtaken while it was read is held against its successor the next time.
  if (seen.version >= now.version && seen.description !== description)
    return { kind: 'lost', sentence: `project ${now.name}: ${acknowledged} was acknowledged, ${found} is there` };
  return undefined;
}

/** Holds an inbox against what its owner was to be told of. */
export function judgeInbox(
  person: Pick<Person, 'email' | 'memberOf' | 'maybeMemberOf'>,
  inbox: readonly SeenNote[],
): { readonly missing: string[]; readonly doubled: string[] } {
  const welcomes = inbox.filter(({ category }) => category === 'account').length;
  const about = inbox.flatMap(({ projectId }) => (projectId === undefined ? [] : [projectId]));
  const missing = [...person.memberOf].filter((id) => !about.includes(id));
  const doubled = doubledNames(about);
  return {
    missing: [
      ...(welcomes === 0 ? [`${person.email} was not welcomed in the inbox`] : []),
      ...missing.map((id) => `${person.email} was not told of project ${id}`),
    ],
    doubled: [
      ...(welcomes > 1 ? [`${person.email} was welcomed ${welcomes} times in the inbox`] : []),
      ...doubled.map((id) => `${person.email} was told of project ${id} more than once`),
    ],
  };
}
