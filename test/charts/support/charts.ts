import { askHelm, type BuiltCharts, buildCharts, type HelmRun } from '../../../tools/helm/charts.js';
import { findHelm } from '../../../tools/helm/helm-binary.js';
import { type Rendering, type RenderOptions, renderChart, valueArguments } from '../../../tools/helm/render.js';
import { describeFound } from '../../support/describe-found.js';
import type { Manifest } from './manifests.js';

/** What a platform is installed for: each has its file of values. */
export const ENVIRONMENTS = ['development', 'staging', 'production'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** The release and the namespace of all renderings here. */
export const NAMESPACE = 'nexus';

/** The charts of the product, as Helm sees them. */
export class Charts {
  readonly #binary: string;
  readonly built: BuiltCharts;
  readonly #rendered = new Map<string, Promise<Rendering>>();

  constructor(binary: string, built: BuiltCharts) {
    this.#binary = binary;
    this.built = built;
  }

  /** `helm template`. What is answered is shared: clone before changing it. */
  render(chart: string, options: RenderOptions = {}): Promise<Rendering> {
    const key = JSON.stringify([chart, options]);
    const known = this.#rendered.get(key) ?? renderChart(this.#binary, this.built, chart, options);
    this.#rendered.set(key, known);
    return known;
  }

  /** Without looking at what is known. */
  renderAnew(chart: string, options: RenderOptions = {}): Promise<Rendering> {
    return renderChart(this.#binary, this.built, chart, options, true);
  }

  /** The documents of a chart that must render. */
  async documents(chart: string, options: RenderOptions = {}): Promise<readonly Manifest[]> {
    const rendering = await this.render(chart, options);
    if (!rendering.ok) throw new Error(`${chart} does not render: ${rendering.error}`);
    return rendering.documents;
  }

  /** What Helm says against rendering a chart; `undefined` when it renders. */
  async refusal(chart: string, options: RenderOptions = {}): Promise<string | undefined> {
    const rendering = await this.render(chart, options);
    return rendering.ok ? undefined : rendering.error;
  }

  lint(chart: string, options: RenderOptions = {}): Promise<HelmRun> {
    return askHelm(this.#binary, this.built, ['lint', '--strict', chart, ...valueArguments(options)]);
  }

  /** Another command of Helm, in the folder of the charts. */
  helm(...args: string[]): Promise<HelmRun> {
    return askHelm(this.#binary, this.built, args);
  }
}

const helm = await findHelm();
const found = 'missing' in helm ? helm : { charts: new Charts(helm.binary, buildCharts()) };

/** Tests over the charts. */
export function describeCharts(name: string, body: (charts: Charts) => void): void {
  describeFound(name, found, ({ charts }) => body(charts));
}
