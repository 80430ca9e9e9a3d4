import type { RoutePolicy } from '@nexus/contracts';
import { z } from 'zod';
import { operationFaults, ownPaths, rivalFaults, routeFaults } from './route-faults.js';
import {
  type DeclaredOperation,
  type DeclaredRoute,
  declaredOperation,
  declaredRoute,
  MAX_ROUTES,
} from './routes-file.schemas.js';

/** So many faults are named; a file of another kind has thousands. */
const MAX_FAULTS = 20;
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** Everything that is wrong with a file, one sentence each. Values are not told: some are secrets. */
export class RoutesFileError extends Error {
  constructor(readonly faults: readonly string[]) {
    const rest = faults.length - MAX_FAULTS;
    super(`${faults.slice(0, MAX_FAULTS).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`);
    this.name = 'RoutesFileError';
  }
}

/** What a file declares. */
export interface RoutesFile {
  readonly operations: ReadonlyMap<string, DeclaredOperation>;
  readonly routes: readonly DeclaredRoute[];
}

/** The parts of a file; what is in them is looked at one by one. */
const parts = z.strictObject({
  operations: z.record(z.string(), z.unknown()).default({}),
  routes: z.array(z.unknown()).max(MAX_ROUTES).default([]),
});

function placeOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.startsWith('.') ? text.slice(1) : text;
}

function lower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function sentences(error: { readonly issues: readonly z.core.$ZodIssue[] }, at: readonly PropertyKey[] = []): string[] {
  return error.issues.flatMap((issue) => {
    const path = [...at, ...issue.path];
    // A name that is not free is told by its own fault rather than by "invalid key".
    if (issue.code === 'invalid_key') return sentences(issue, path);
    const place = placeOf(path);
    return [place === '' ? lower(issue.message) : `${place}: ${lower(issue.message)}`];
  });
}

function parse(text: string): z.output<typeof parts> {
  if (text.length > MAX_CHARACTERS) throw new RoutesFileError([`must not be longer than ${MAX_CHARACTERS} characters`]);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What the parser says quotes the text.
    throw new RoutesFileError(['must be JSON']);
  }
  const read = parts.safeParse(value);
  if (!read.success) throw new RoutesFileError(sentences(read.error));
  return read.data;
}

/**
 * Reads files of routes, one after the other. What stood in the last one as it does now is not looked at again: a file
 * of thousands of routes changes in few of them.
 */
export class RoutesReader {
  private known: ReadonlyMap<string, DeclaredRoute> = new Map();
  private readonly operations: ReadonlyMap<string, RoutePolicy>;
  private readonly own: ReturnType<typeof ownPaths>;

  /** @param declared the routes of the platform */
  constructor(declared: readonly RoutePolicy[]) {
    this.operations = new Map(declared.map((route) => [route.operation, route]));
    this.own = ownPaths(declared);
  }

  /**
   * Reads one file, in steps: whoever runs them decides when to let others have a turn.
   * @throws RoutesFileError
   */
  *read(text: string): Generator<undefined, RoutesFile> {
    const file = parse(text);
    const faults: string[] = [];
    const operations = new Map<string, DeclaredOperation>();
    for (const [name, value] of Object.entries(file.operations)) {
      const read = declaredOperation.safeParse(value);
      if (read.success) {
        operations.set(name, read.data);
        faults.push(...operationFaults(name, read.data, this.operations.get(name)));
      } else faults.push(...sentences(read.error, ['operations', name]));
      yield;
    }
    const next = new Map<string, DeclaredRoute>();
    const routes: (DeclaredRoute | undefined)[] = [];
    for (const [i, value] of file.routes.entries()) {
      const source = JSON.stringify(value);
      const route = this.known.get(source) ?? this.readRoute(value, i, faults);
      if (route) next.set(source, route);
      routes.push(route);
      yield;
    }
    faults.push(...rivalFaults(routes));
    if (faults.length > 0) throw new RoutesFileError(faults);
    this.known = next;
    return { operations, routes: routes as DeclaredRoute[] };
  }

  private readRoute(value: unknown, i: number, faults: string[]): DeclaredRoute | undefined {
    const read = declaredRoute.safeParse(value);
    if (!read.success) {
      faults.push(...sentences(read.error, ['routes', i]));
      return undefined;
    }
    const found = routeFaults(read.data, `routes[${i}]`, this.own);
    faults.push(...found);
    return found.length === 0 ? read.data : undefined;
  }
}

/** Reads a file at once. @throws RoutesFileError */
export function readRoutes(text: string, declared: readonly RoutePolicy[]): RoutesFile {
  const steps = new RoutesReader(declared).read(text);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
