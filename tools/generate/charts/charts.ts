import { chartFile } from './chart-file.ts';
import type { ChartPlatform, ChartService } from './chart-platform.ts';
import { chartReadme, type Section } from './chart-readme.ts';
import { globalValues } from './global-values.ts';
import { platformTemplate } from './platform-template.ts';
import { chartValues, LIBRARY_VALUES, schemaFile } from './schema-file.ts';
import { monolithValues, serviceValues } from './service-values.ts';
import { valuesFile } from './values-file.ts';
import { flag, type Group, type Node, schemaOf } from './values-tree.ts';

type Files = Record<string, string>;

const ABOUT: Readonly<Record<string, string>> = {
  gateway: 'The edge of the Nexus platform: takes the requests of clients and passes them on.',
  auth: 'Accounts, sessions and API keys of the Nexus platform.',
  user: 'Profiles and preferences of the Nexus platform.',
  project: 'Projects and their members of the Nexus platform.',
  file: 'Files of the Nexus platform.',
  notification: 'Inboxes, live streams and mail of the Nexus platform.',
};

const GLOBAL_SECTION =
  'What all services have in common. Values without a default are not set: the product has its own.';
const enabled = flag('Whether the umbrella chart installs it.', true);

function libraryFiles(platform: ChartPlatform): Files {
  const about = 'The templates of all Nexus charts; installs nothing by itself.';
  return {
    'helm/nexus-lib/Chart.yaml': chartFile({ name: 'nexus-lib', about, version: platform.version, type: 'library' }),
    'helm/nexus-lib/values.yaml': '# The library has no values of its own.\n{}\n',
    'helm/nexus-lib/values.schema.json': schemaFile(LIBRARY_VALUES),
    'helm/nexus-lib/README.md': chartReadme('nexus-lib', `${about} See [helm/README.md](../README.md).`, []),
    'helm/nexus-lib/templates/_platform.tpl': platformTemplate(platform),
  };
}

function serviceFiles(service: ChartService, platform: ChartPlatform, globals: Group): Files {
  const { name } = service;
  const about = ABOUT[name];
  if (!about) throw new Error(`Charts have no words for ${name}: add them to ABOUT`);
  const own: Group['fields'] = { enabled, ...serviceValues(service, platform) };
  const folder = `helm/${name}`;
  const sections: Section[] = [
    { title: 'Values', about: 'Of this service.', fields: own },
    { title: 'Global values', about: GLOBAL_SECTION, fields: { global: globals } },
  ];
  const asked = service.calls.length > 0 ? service.calls.join(', ') : 'no other service';
  const systems = service.egress.length > 0 ? service.egress.join(', ') : 'none';
  const words = `${about} It listens on port ${service.port}, asks ${asked}, and talks to these systems: ${systems}.

\`\`\`sh
helm dependency build helm/${name}
helm install ${name} helm/${name} --namespace nexus --values helm/envs/<environment>.yaml
\`\`\`

The release is best named after the service: the others look for it under that name. See [helm/README.md](../README.md)
for what has to be there before.`;
  return {
    [`${folder}/Chart.yaml`]: chartFile({ name, about, version: platform.version, dependencies: ['nexus-lib'] }),
    [`${folder}/values.yaml`]: valuesFile(about, { ...own, global: globals }),
    [`${folder}/values.schema.json`]: schemaFile(chartValues(about, own, true), schemaOf(globals, true)),
    [`${folder}/README.md`]: chartReadme(name, words, sections),
  };
}

function umbrellaFiles(platform: ChartPlatform, globals: Group): Files {
  const { services, version } = platform;
  const about = 'The whole Nexus platform, as six services or as one process.';
  const monolith = monolithValues(platform);
  const switches = services.map(({ name }): [string, Node] => [
    name,
    { about: `${ABOUT[name]} Its other values: helm/${name}/README.md.`, fields: { enabled } },
  ]);
  const own: Group['fields'] = { ...Object.fromEntries(switches), monolith };
  const schema = chartValues(about, { monolith }, true);
  const charts = services.map((service) => [
    service.name,
    // A service that is left out has no values but the switch.
    chartValues(ABOUT[service.name] ?? '', { enabled, ...serviceValues(service, platform) }, false, true),
  ]);
  const properties = { ...(schema.properties as object), ...Object.fromEntries(charts) };
  const words = `${about}

\`\`\`sh
for chart in ${services.map(({ name }) => name).join(' ')} nexus; do helm dependency build helm/$chart; done
helm install nexus helm/nexus --namespace nexus --values helm/envs/<environment>.yaml
\`\`\`

\`--set global.mode=monolith\` installs one process instead. See [helm/README.md](../README.md) for what has to be there
before. The values of a service are set under its name: \`auth.config.LOGIN_FAILURES\`.`;
  const sections: Section[] = [
    { title: 'Values', about: 'Which services there are, and the process of `global.mode=monolith`.', fields: own },
    { title: 'Global values', about: GLOBAL_SECTION, fields: { global: globals } },
  ];
  return {
    'helm/nexus/Chart.yaml': chartFile({
      name: 'nexus',
      about,
      version,
      dependencies: ['nexus-lib'],
      services: services.map(({ name }) => name),
    }),
    'helm/nexus/values.yaml': valuesFile(about, { ...own, global: globals }),
    'helm/nexus/values.schema.json': schemaFile({ ...schema, properties }, schemaOf(globals, true)),
    'helm/nexus/README.md': chartReadme('nexus', words, sections),
  };
}

/** What of `helm/` is made from the code, by path. */
export function chartFiles(platform: ChartPlatform): Files {
  const globals = globalValues(platform);
  return Object.assign(
    libraryFiles(platform),
    umbrellaFiles(platform, globals),
    ...platform.services.map((service) => serviceFiles(service, platform, globals)),
  );
}
