import { parseArgs } from 'node:util';
import { SERVICE_NAMES, type ServiceName } from '@nexus/contracts';

/** A sentence for the operator, about what was typed; the process ends with it. */
export class FlagsError extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = 'FlagsError';
  }
}

/** What a process is asked to do. */
export interface Flags {
  /** The services it consists of, in the order of {@link SERVICE_NAMES}. */
  readonly targets: readonly ServiceName[];
  /** Only say something and end: which targets there are, whether the configuration is usable, what is in force. */
  readonly only?: 'help' | 'list-targets' | 'check-config' | 'print-config' | 'migrate';
}

const OPTIONS = {
  target: { type: 'string', default: 'all' },
  help: { type: 'boolean', default: false },
  'list-targets': { type: 'boolean', default: false },
  'check-config': { type: 'boolean', default: false },
  'print-config': { type: 'boolean', default: false },
  migrate: { type: 'boolean', default: false },
} as const;

/** What `--help` shows. */
export const FLAGS_HELP = `Usage: node dist/apps/main.js [--target=all | --target=<service>[,<service>…]] [what to do instead of serving]

  --target=…      the services of this process (all): ${SERVICE_NAMES.join(', ')}
  --list-targets  name the targets
  --check-config  say whether the configuration is usable, or every fault of it
  --print-config  show the configuration that is in force, secrets masked
  --migrate       bring the database up to date
  --help          show this

Settings are environment variables: docs/config.md.`;

/**
 * `all`, or names separated by commas.
 * @param known what there is to choose from
 * @throws FlagsError
 */
export function pickTargets(text: string, known: readonly ServiceName[] = SERVICE_NAMES): ServiceName[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.includes('all')) return [...known];
  const unknown = names.filter((name) => !(known as readonly string[]).includes(name));
  if (unknown.length > 0 || names.length === 0) {
    const what = names.length === 0 ? 'No target is given' : `Unknown target ${unknown.join(', ')}`;
    throw new FlagsError(`${what}: choose all, or some of ${known.join(', ')}.`);
  }
  return SERVICE_NAMES.filter((name) => names.includes(name));
}

/**
 * Reads the flags of the entry point.
 * @throws FlagsError when one is not known or not meant so
 */
export function readFlags(args: readonly string[]): Flags {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw new FlagsError((error as Error).message);
  }
  const only = (['help', 'list-targets', 'check-config', 'print-config', 'migrate'] as const).find(
    (name) => values[name],
  );
  // Who asks what there is may have mistyped what there is.
  if (only === 'help' || only === 'list-targets') return { targets: [...SERVICE_NAMES], only };
  return { targets: pickTargets(values.target), ...(only ? { only } : {}) };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
}
