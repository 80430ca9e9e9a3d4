import type { RoutePolicy } from '@nexus/contracts';

/**
 * How answers of a route are kept. Tags are templates: `{id}` stands for the route parameter of that name, `{actor}`
 * for the caller's id.
 * @example { audience: 'user', ttlSeconds: 60, tags: ['project:{id}', 'user:{actor}'] }
 */
export type CachePolicy = NonNullable<RoutePolicy['cache']>;

/** What the templates of one request are filled with. */
export interface TagValues {
  readonly params: Readonly<Record<string, string | undefined>>;
  /** Absent for a caller without credentials. */
  readonly actorId?: string;
}

const MAX_VALUE = 128;

/**
 * The tags of one answer.
 * @returns `undefined` when a value is missing or longer than any id: an answer that lacks a tag could never be
 * invalidated and must not be kept
 */
export function expandTags(policy: CachePolicy, values: TagValues): readonly string[] | undefined {
  const tags: string[] = [];
  for (const template of policy.tags) {
    const tag = template.includes('{') ? expand(template, values) : template;
    if (tag === undefined) return undefined;
    tags.push(tag);
  }
  return tags;
}

function expand(template: string, { params, actorId }: TagValues): string | undefined {
  let complete = true;
  const tag = template.replace(/\{([^{}]*)\}/g, (_match, name: string) => {
    const value = name === 'actor' ? actorId : Object.hasOwn(params, name) ? params[name] : undefined;
    if (value === undefined || value === '' || value.length > MAX_VALUE) complete = false;
    return value ?? '';
  });
  return complete ? tag : undefined;
}
