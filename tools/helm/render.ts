/** Charts as the documents that a cluster would be given. */
import { parseAllDocuments } from 'yaml';
import { type BuiltCharts, remembered, runHelm } from './charts.ts';

/** What every Kubernetes document has. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

/** What a chart is rendered with. */
export interface RenderOptions {
  /** Files of values, relative to `helm/`: `envs/production.yaml`. */
  readonly values?: readonly string[];
  /** Single values by their path: `{ 'auth.enabled': false }`. They win over those of files. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** The release; `nexus` unless given. */
  readonly release?: string;
  /** The namespace; `nexus` unless given. */
  readonly namespace?: string;
}

export type Rendering =
  | { readonly ok: true; readonly documents: readonly Manifest[]; readonly text: string }
  | { readonly ok: false; readonly error: string };

/** The options as arguments; `--set-json`, because `--set` guesses types. */
export function valueArguments({ values = [], set = {} }: RenderOptions): string[] {
  return [
    ...values.map((file) => `--values=${file}`),
    ...Object.entries(set).map(([name, value]) => `--set-json=${name}=${JSON.stringify(value)}`),
  ];
}

/**
 * The documents of a rendered text, empty ones left out. YAML 1.1, as Kubernetes reads it.
 * @throws Error on what is not YAML, or says a key twice
 */
export function parseManifests(text: string): Manifest[] {
  const documents: Manifest[] = [];
  for (const document of parseAllDocuments(text, { version: '1.1', uniqueKeys: true })) {
    const fault = document.errors[0];
    if (fault) throw fault;
    const content = document.toJS() as Manifest | null;
    if (content !== null) documents.push(content);
  }
  return documents;
}

/**
 * `helm template` of a chart, by the name of its folder.
 * @param fresh asks Helm even when the answer is known
 */
export async function renderChart(
  binary: string,
  built: BuiltCharts,
  chart: string,
  options: RenderOptions = {},
  fresh = false,
): Promise<Rendering> {
  const { release = 'nexus', namespace = 'nexus' } = options;
  const args = ['template', release, chart, `--namespace=${namespace}`, ...valueArguments(options)];
  const render = async (): Promise<Rendering> => {
    const { ok, stdout, stderr } = await runHelm(binary, args, built.folder);
    return ok ? { ok, documents: parseManifests(stdout), text: stdout } : { ok, error: stderr.trim() };
  };
  return fresh ? render() : remembered(built, args, render);
}
