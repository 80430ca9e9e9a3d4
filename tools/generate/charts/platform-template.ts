import { stringify } from 'yaml';
import type { ChartPlatform, ChartService } from './chart-platform.ts';

function described(service: ChartService, services: readonly ChartService[]): object {
  const { name, port, database, calls, egress } = service;
  const callers = services.filter((other) => other.calls.includes(name)).map((other) => other.name);
  return { port, portName: name === 'gateway' ? 'http' : 'https', database, calls, callers, egress };
}

/** The whole platform in one process: nobody is asked elsewhere, and it talks to every system. */
function monolith(services: readonly ChartService[]): object {
  const port = services.find(({ name }) => name === 'gateway')?.port;
  const egress = [...new Set(services.flatMap((service) => service.egress))];
  return { port, portName: 'http', database: true, calls: [], callers: [], egress };
}

/** The define that holds what services declare of themselves, as YAML. */
export function platformTemplate({ services }: ChartPlatform): string {
  const data = {
    services: Object.fromEntries(services.map((service) => [service.name, described(service, services)])),
    monolith: monolith(services),
  };
  return `{{- /* What the services declare of themselves: ports, calls and egress. Generated from the code by \`npm run generate\`; do not edit. */ -}}
{{- define "nexus-lib.platform" -}}
${stringify(data)}{{- end -}}
`;
}
