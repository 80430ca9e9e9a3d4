import { stringify } from 'yaml';

export interface ChartHead {
  readonly name: string;
  readonly about: string;
  readonly version: string;
  readonly type?: 'library';
  readonly dependencies?: readonly string[];
  /** Charts that can be left out by `<name>.enabled`. */
  readonly services?: readonly string[];
}

/** preStop.sleep and the eviction of unhealthy pods are on by default from here on. */
const KUBERNETES = '>=1.30.0-0';

/** Chart.yaml; the charts have the version of the product. */
export function chartFile({ name, about, version, type, dependencies = [], services = [] }: ChartHead): string {
  const needed = [
    ...dependencies.map((other) => ({ name: other, version, repository: `file://../${other}` })),
    ...services.map((other) => ({
      name: other,
      version,
      repository: `file://../${other}`,
      condition: `${other}.enabled`,
    })),
  ];
  const chart = {
    apiVersion: 'v2',
    name,
    description: about,
    type: type ?? 'application',
    version,
    appVersion: version,
    kubeVersion: KUBERNETES,
    ...(needed.length > 0 ? { dependencies: needed } : {}),
  };
  return `# Generated from tools/generate/charts by \`npm run generate\`; do not edit.\n${stringify(chart, { lineWidth: 0 })}`;
}
