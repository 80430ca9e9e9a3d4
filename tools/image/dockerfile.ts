/** Reads a Dockerfile as far as tests ask: its stages, and what a container of one is started with. */

export interface Instruction {
  /** In capitals: `RUN`. */
  readonly name: string;
  /** Continued lines are joined; variables stand as they are written. */
  readonly text: string;
}

export interface Stage {
  /** After `AS`; undefined when it has no name. */
  readonly name: string | undefined;
  /** An image, or the name of an earlier stage; variables are replaced by their defaults. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** What of an image says how a container of it runs. */
export interface ContainerConfig {
  readonly env: Readonly<Record<string, string>>;
  /** `10001:10001`; undefined means root. */
  readonly user: string | undefined;
  readonly workingDir: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly health: readonly string[];
}

function instructionsOf(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const joined = lines.join('\n').replace(/\\\n\s*/g, ' ');
  return joined
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [name = ''] = line.split(/\s/, 1);
      return { name: name.toUpperCase(), text: line.slice(name.length).trim() };
    });
}

/** @throws Error when it does not begin with a stage, arguments aside */
export function readDockerfile(text: string): Stage[] {
  const defaults = new Map<string, string>();
  const stages: { name: string | undefined; from: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    const stage = stages.at(-1);
    if (instruction.name === 'FROM') {
      const [image = '', , name] = instruction.text.split(/\s+/);
      const from = image.replace(/\$\{?(\w+)\}?/g, (_, variable: string) => defaults.get(variable) ?? '');
      stages.push({ name, from, instructions: [] });
    } else if (stage) stage.instructions.push(instruction);
    else if (instruction.name === 'ARG') {
      const [name = '', ...value] = instruction.text.split('=');
      defaults.set(name, value.join('='));
    } else throw new Error(`${instruction.name} stands before the first stage`);
  }
  return stages;
}

/** @throws Error for a form that a shell would have to read: process 1 would be the shell */
function words(text: string): string[] {
  const parsed: unknown = text.startsWith('[') ? JSON.parse(text) : undefined;
  if (!Array.isArray(parsed) || !parsed.every((word) => typeof word === 'string'))
    throw new Error(`not a list of words: ${text}`);
  return parsed;
}

const assignments = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g)].map(([, name, a, b]) => [name, a ?? b ?? '']));

/** How a container of a stage runs, with all that it has from earlier stages. @throws Error when there is no such stage */
export function containerConfig(stages: readonly Stage[], name: string): ContainerConfig {
  const stage = stages.find((candidate) => candidate.name === name);
  if (!stage) throw new Error(`there is no stage ${name}`);
  const base = stages.some((other) => other.name === stage.from) ? containerConfig(stages, stage.from) : undefined;
  const all = (wanted: string) => stage.instructions.flatMap(({ name, text }) => (name === wanted ? [text] : []));
  const last = (wanted: string) => all(wanted).at(-1);
  const list = (text: string | undefined, inherited: readonly string[] = []) =>
    text === undefined ? inherited : words(text);
  return {
    env: { ...base?.env, ...Object.assign({}, ...all('ENV').map(assignments)) },
    user: last('USER') ?? base?.user,
    workingDir: last('WORKDIR') ?? base?.workingDir ?? '/',
    entrypoint: list(last('ENTRYPOINT'), base?.entrypoint),
    command: list(last('CMD'), base?.command),
    health: list(last('HEALTHCHECK')?.replace(/^.*?CMD\s*/, ''), base?.health),
  };
}
