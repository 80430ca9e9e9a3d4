import type { ChartPlatform } from './chart-platform.ts';
import { configGroup } from './config-values.ts';
import { networkPeers, networkPorts, trustSources } from './kubernetes-forms.ts';
import { choice, count, flag, type Group, group, type Json, leaf, list, record, STRING, text } from './values-tree.ts';

/** The platform's figures: tiers of requests, and the two tiers of the cache. */
const CONFIG = {
  LOG_LEVEL: 'info',
  RATE_LIMIT_ANONYMOUS: 100,
  RATE_LIMIT_USER: 1000,
  RATE_LIMIT_ADMIN: 5000,
  RATE_LIMIT_WINDOW_SECONDS: 60,
  CACHE_L1_ENTRIES: 1000,
  CACHE_L1_TTL_SECONDS: 300,
  CACHE_L2_TTL_SECONDS: 3600,
};

const inNamespace = (name: string): Json => [
  { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } },
];
const tcp = (port: number): Json => [{ protocol: 'TCP', port }];
/** Servers outside: everywhere but the private ranges (RFC 1918, RFC 3927, RFC 6598, RFC 4193). */
const OUTSIDE: Json = [
  {
    ipBlock: {
      cidr: '0.0.0.0/0',
      except: ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'],
    },
  },
  { ipBlock: { cidr: '::/0', except: ['fc00::/7', 'fe80::/10'] } },
];

/** Where systems that services declare as egress are, until the operator says otherwise. */
const SYSTEMS: Readonly<Record<string, { readonly about: string; readonly to: Json; readonly ports: Json }>> = {
  postgres: { about: 'PostgreSQL', to: inNamespace('postgres'), ports: tcp(5432) },
  redis: { about: 'Redis', to: inNamespace('redis'), ports: tcp(6379) },
  s3: { about: 'the object store', to: inNamespace('minio'), ports: tcp(9000) },
  elasticsearch: { about: 'Elasticsearch', to: inNamespace('elasticsearch'), ports: tcp(9200) },
  smtp: { about: 'the mail server', to: OUTSIDE, ports: [...(tcp(587) as Json[]), ...(tcp(465) as Json[])] },
  sms: { about: 'the provider of text messages', to: OUTSIDE, ports: tcp(443) },
  push: { about: 'the push services', to: OUTSIDE, ports: tcp(443) },
  oidc: { about: 'identity providers', to: OUTSIDE, ports: tcp(443) },
  webhooks: { about: 'the receivers of webhooks', to: OUTSIDE, ports: tcp(443) },
  otlp: { about: 'the collector of traces', to: inNamespace('observability'), ports: tcp(4318) },
};

const place = (what: string, to: Json, ports: Json): Group =>
  group(`Where ${what} is.`, {
    to: leaf(`Who ${what} is, as peers of a NetworkPolicy.`, to, networkPeers),
    ports: leaf('On which ports.', ports, networkPorts),
  });

function networkPolicy({ services }: ChartPlatform): Group {
  const systems = [...new Set(services.flatMap(({ egress }) => egress))];
  const places = systems.map((name) => {
    const known = SYSTEMS[name];
    if (!known) throw new Error(`Charts do not know where ${name} is: add it to SYSTEMS`);
    return [name, place(known.about, known.to, known.ports)] as const;
  });
  return group('Who is reached by whom; both ways, all else is denied.', {
    clients: leaf(
      'Where requests of clients come from: the pods of the Gateway or ingress controller.',
      inNamespace('gateway-system'),
      networkPeers,
    ),
    monitoring: leaf('Who may read metrics: Prometheus.', inNamespace('monitoring'), networkPeers),
    nodeCidrs: leaf(
      'Addresses of the nodes, for network plugins that do not let probes of the own node through by themselves.',
      [],
      list(STRING),
    ),
    dns: place(
      'the cluster DNS',
      [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
          podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
        },
      ],
      [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    ),
    vault: place('Vault', inNamespace('vault'), tcp(8200)),
    systems: group('The systems that services declare to talk to.', Object.fromEntries(places)),
  });
}

const pool = (environment: string, size: number, overflow: number, timeoutSeconds: number): Group =>
  group(`In \`${environment}\`.`, {
    size: count('Connections of one process.', size, 2, 30),
    overflow: count('Connections beyond those; both together never above 30.', overflow, 2, 28),
    timeoutSeconds: count('How long a request waits for a connection, in seconds.', timeoutSeconds, 1, 60),
  });

const postgres = group('The budget of database connections.', {
  maxConnections: count(
    '`max_connections` of the server. What the services may open at most is held against it when the chart is rendered.',
    400,
    20,
  ),
  reservedConnections: count('Connections kept for migrations, backups and people.', 50, 3),
  pgbouncer: group('A pooler between the services and PostgreSQL.', {
    enabled: flag(
      'There is one, and it keeps the budget: the chart then does not (helm/README.md says what else that asks for).',
      false,
    ),
  }),
  pools: group('Connections of one process, by environment.', {
    development: pool('development', 5, 5, 10),
    staging: pool('staging', 10, 10, 20),
    production: pool('production', 20, 10, 30),
  }),
});

const secrets = group('Who writes the files that hold secrets; services read files alone.', {
  provider: choice(
    '`agent`: the Vault Agent injector; `vso`: the Vault Secrets Operator; `csi`: the Secrets Store CSI driver; `external-secrets`: External Secrets; `existingSecret`: Secrets that are there already.',
    'agent',
    ['agent', 'vso', 'csi', 'external-secrets', 'existingSecret'],
  ),
  refreshInterval: text('How often whoever writes them looks for changes (`csi`: set at the driver).', '1m', {
    pattern: '^[1-9][0-9]*[smh]$',
  }),
  vault: group('Where Vault keeps them: `<mount>/<path>/<service>`, with a key for each file.', {
    address: text('Its address; for `csi` alone.', 'https://vault.vault.svc:8200', { pattern: '^https?://[^\\s]+$' }),
    authMount: text('Mount of its Kubernetes authentication.', 'kubernetes', { minLength: 1 }),
    rolePrefix: text('What the names of its roles begin with; the name of the ServiceAccount follows.', 'nexus-'),
    audience: text('Audience of the tokens that pods show to it.', 'vault', { minLength: 1 }),
    mount: text('Mount of the key-value engine, version 2.', 'secret', { minLength: 1 }),
    path: text('Path in it.', 'nexus', { minLength: 1 }),
  }),
  store: group(
    'The store of External Secrets; a service has the key `<path>/<service>`, with a property for each file.',
    {
      name: text('Its name.', 'nexus', { minLength: 1 }),
      kind: choice('Its kind.', 'SecretStore', ['SecretStore', 'ClusterSecretStore']),
      path: text('What the keys begin with.', 'nexus', { minLength: 1 }),
    },
  ),
});

const tls = group('How services prove to each other who they are (mutual TLS).', {
  provider: choice(
    '`cert-manager`: a Certificate for each service; `csi-driver-spiffe`: an identity for each pod, whose key never leaves its node; `existingSecret`: Secrets `<name>-tls` that are there already.',
    'cert-manager',
    ['cert-manager', 'csi-driver-spiffe', 'existingSecret'],
  ),
  trustDomain: text('Trust domain of the SPIFFE names.', 'nexus.local', {
    pattern: '^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$',
  }),
  durationHours: count('Life of a certificate, in hours.', 24, 1, 24),
  renewBeforeHours: count('How long before its end it is renewed, in hours; at least a third of its life.', 8, 1, 23),
  issuer: group('Who signs them.', {
    name: text('Its name.', 'nexus-internal', { minLength: 1 }),
    kind: text('Its kind.', 'Issuer', { minLength: 1 }),
    group: text('Its API group.', 'cert-manager.io', { minLength: 1 }),
  }),
  bundle: group('The authorities that are believed, as a ConfigMap; without one, `ca.crt` beside the certificate.', {
    configMap: text('Its name; empty: there is none.', ''),
    key: text('The key in it.', 'ca.crt', { minLength: 1 }),
    create: flag('Whether the umbrella chart makes it, as a Bundle of trust-manager.', false),
    sources: leaf('What that Bundle is made of; while one authority replaces another, both.', [], trustSources),
  }),
});

/** What all charts of one platform have in common. */
export function globalValues(platform: ChartPlatform): Group {
  const peers = platform.services.filter(({ name }) => name !== 'gateway');
  return group('What all services of the platform have in common; the umbrella chart hands it to each of them.', {
    environment: choice(
      'Chooses the connection pools and what is required; `production` wants an image digest and https.',
      'development',
      ['development', 'staging', 'production'],
    ),
    mode: choice('`split`: six services; `monolith`: all of them in one process (umbrella chart alone).', 'split', [
      'split',
      'monolith',
    ]),
    publicUrl: text('Address under which clients reach the API.', 'http://localhost:8080', {
      pattern: '^https?://[^/\\s]+$',
    }),
    image: group('The image; every service runs the same one.', {
      repository: text('Where it is.', 'nexus', { minLength: 1 }),
      tag: text(
        "Its tag; by default the chart's version of the application. Not looked at where there is a digest.",
        '',
      ),
      digest: text('Its digest, `sha256:…`; required in production.', '', { pattern: '^(sha256:[a-f0-9]{64})?$' }),
      pullPolicy: choice('When it is pulled.', 'IfNotPresent', ['Always', 'IfNotPresent', 'Never']),
      pullSecrets: leaf('Secrets that open its registry.', [], list(record({ name: STRING }, ['name']))),
    }),
    config: configGroup(
      'Settings of all services (docs/config.md); those not set here have their own defaults.',
      platform.slices,
      CONFIG,
    ),
    resources: group('What a pod asks for and may have at most: one figure for both.', {
      memoryMebibytes: count('Memory in MiB; the heap of Node gets three quarters of it.', 512, 256),
      cpuMillicores: count('Thousandths of a core.', 500, 100),
    }),
    autoscaling: group('How many pods a service has.', {
      enabled: flag('Whether an autoscaler decides; else there are `minReplicas`.', true),
      minReplicas: count('At least.', 3, 3),
      maxReplicas: count('At most; see `global.postgres.maxConnections`.', 5, 3),
      targetCpuPercent: count('CPU at which pods are added, in percent of what they ask for.', 70, 10, 95),
    }),
    rollout: group('How pods are replaced: never fewer than wanted.', {
      maxSurge: count('How many more than wanted at a time.', 1, 1),
      minReadySeconds: count('How long a pod has to be ready before the next one is replaced, in seconds.', 5, 5),
    }),
    spread: group('Whether pods may come to lie unevenly.', {
      zone: choice('Over zones.', 'ScheduleAnyway', ['ScheduleAnyway', 'DoNotSchedule']),
      hostname: choice('Over nodes.', 'ScheduleAnyway', ['ScheduleAnyway', 'DoNotSchedule']),
    }),
    postgres,
    mail: group('Mail.', {
      enabled: flag('Whether there is a mail server, in the file `smtp-url`; only development may do without.', true),
    }),
    secrets,
    tls,
    networkPolicy: networkPolicy(platform),
    hosts: group(
      'Host names of the services, where charts are installed one by one under names of their own.',
      Object.fromEntries(
        peers.map(({ name }) => [name, text(`Of ${name}; empty: its Service in the same namespace.`, '')]),
      ),
    ),
  });
}
