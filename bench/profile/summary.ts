import { markdownTable } from '../report.ts';

/** What V8 gives: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile. */
export interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame; children?: number[] }[];
  /** Ids of nodes. */
  samples: number[];
  /** µs since the sample before. */
  timeDeltas: number[];
}

export interface CallFrame {
  functionName: string;
  url: string;
  /** From 0. */
  lineNumber: number;
}

/** Time that a function or a package took, in µs of the whole profile. */
export interface TimeOf {
  name: string;
  micros: number;
}

export interface ProfileSummary {
  /** Without idle time. */
  busyMicros: number;
  /** Time of their own. */
  packages: TimeOf[];
  functions: TimeOf[];
  /** Functions of the build with everything that they call at once, Node's work and the kernel's included. */
  inclusive: TimeOf[];
}

const TOP_PACKAGES = 20;
const TOP_FUNCTIONS = 40;

/** The package that a frame belongs to: of `node_modules`, of the build, of Node, or V8's own work. */
export function packageOf({ functionName, url }: CallFrame): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native';
  if (url.startsWith('node:')) return 'node';
  const modules = url.lastIndexOf('/node_modules/');
  if (modules >= 0) {
    const [scope = '', name = ''] = url.slice(modules + '/node_modules/'.length).split('/');
    return scope.startsWith('@') ? `${scope}/${name}` : scope;
  }
  const [, kind, name] = /\/dist\/(libs|apps)\/([^/]+)\//.exec(url) ?? [];
  if (name !== undefined) return kind === 'libs' ? `@nexus/${name}` : `apps/${name}`;
  return 'other';
}

/** A frame as one can look it up, without the machine's folders. */
export function functionOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.replace(/^.*\/(?:node_modules|dist)\//, '').replace(/^file:.*\//, '');
  return `${name} ${file}:${lineNumber + 1}`;
}

export function summariseProfile({ nodes, samples, timeDeltas }: CpuProfile): ProfileSummary {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const callers = ownCallers(nodes);
  const inclusive = new Map<string, number>();
  const packages = new Map<string, number>();
  const functions = new Map<string, number>();
  let busyMicros = 0;
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    // The profiler may count backwards by a little; what lies between two samples belongs to the first one.
    const micros = Math.max(0, timeDeltas[index + 1] ?? 0);
    if (frame === undefined || frame.functionName === '(idle)') return;
    busyMicros += micros;
    add(packages, packageOf(frame), micros);
    add(functions, functionOf(frame), micros);
    for (const name of callers.get(id) ?? []) add(inclusive, name, micros);
  });
  return {
    busyMicros,
    packages: descending(packages),
    functions: descending(functions),
    inclusive: descending(inclusive),
  };
}

const isOwn = (frame: CallFrame) => /^(@nexus|apps)\//.test(packageOf(frame));

/** For each node the functions of the build that it runs in, itself included, each once. */
function ownCallers(nodes: CpuProfile['nodes']): Map<number, ReadonlySet<string>> {
  const found = new Map<number, ReadonlySet<string>>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const pending: { node: CpuProfile['nodes'][number] | undefined; outer: ReadonlySet<string> }[] = [
    { node: nodes[0], outer: new Set() },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, outer } = next;
    if (node === undefined) continue;
    const inner = isOwn(node.callFrame) ? new Set(outer).add(functionOf(node.callFrame)) : outer;
    found.set(node.id, inner);
    for (const child of node.children ?? []) pending.push({ node: byId.get(child), outer: inner });
  }
  return found;
}

/** The largest parts, each with its share and its time per request. */
export function profileTables(
  { busyMicros, packages, functions, inclusive }: ProfileSummary,
  requests: number,
): string {
  const table = (title: string, times: TimeOf[]) =>
    markdownTable(
      [title, 'share', 'µs/request'],
      times.map(({ name, micros }) => [
        name,
        `${((micros / busyMicros) * 100).toFixed(1)} %`,
        (micros / requests).toFixed(2),
      ]),
    );
  return [
    table('package, time of its own', packages.slice(0, TOP_PACKAGES)),
    table('function, time of its own', functions.slice(0, TOP_FUNCTIONS)),
    table('function of the build, with all that it calls', inclusive.slice(0, TOP_FUNCTIONS)),
  ].join('\n\n');
}

function add(times: Map<string, number>, name: string, micros: number): void {
  times.set(name, (times.get(name) ?? 0) + micros);
}

function descending(times: Map<string, number>): TimeOf[] {
  return [...times].map(([name, micros]) => ({ name, micros })).sort((a, b) => b.micros - a.micros);
}
