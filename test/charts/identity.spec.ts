/** S4: who the services are to each other, and where their secrets come from. */
import { expect, test } from '@jest/globals';
import { SERVICE_NAMES } from '@nexus/contracts';
import { spiffeIdentity } from '@nexus/resilience';
import { describeCharts, ENVIRONMENTS, NAMESPACE } from './support/charts.js';
import { environmentOf } from './support/environment.js';
import {
  type CertificateSpec,
  type Manifest,
  ofKind,
  serviceOf,
  type Typed,
  workloadsOf,
} from './support/manifests.js';
import { optionsFor, withSecretsFrom } from './support/renderings.js';
import { faultsAfter, first, type Rule, unless } from './support/rules/rule.js';

const LONGEST_HOURS = 24;

const hours = (text: string | undefined): number => Number(/^(\d+)h(0m)?(0s)?$/.exec(text ?? '')?.[1] ?? Number.NaN);

/** What a pod that serves mounts at its `/etc/nexus/tls`. */
function mountedSecret(documents: readonly Manifest[], service: string): string | undefined {
  const workload = workloadsOf(documents).find(({ does, labels }) => does === 'serve' && serviceOf(labels) === service);
  const file = workload && environmentOf(workload, documents).TLS_CERT_FILE;
  const mount = workload?.spec.containers[0]?.volumeMounts?.find(({ mountPath }) => file?.startsWith(`${mountPath}/`));
  return workload?.spec.volumes?.find(({ name }) => name === mount?.name)?.secret?.secretName;
}

function formFaults({ privateKey, usages = [], duration, renewBefore }: CertificateSpec): string[] {
  const [life, before] = [hours(duration), hours(renewBefore)];
  return [
    ...unless(usages.includes('server auth') && usages.includes('client auth'), `is for ${usages.join(', ')}`),
    ...unless(privateKey?.rotationPolicy === 'Always', 'keeps its key'),
    ...unless(privateKey?.algorithm === 'ECDSA' && privateKey.size === 256, `has a key of ${privateKey?.algorithm}`),
    ...unless(life <= LONGEST_HOURS, `lives for ${duration}`),
    ...unless(before >= life / 3 && before < life, `is renewed ${renewBefore} before its end`),
  ];
}

function nameFaults({ metadata, spec }: Typed<'Certificate'>, documents: readonly Manifest[]): string[] {
  const service = serviceOf(metadata.labels);
  const workload = workloadsOf(documents).find(({ labels }) => serviceOf(labels) === service);
  const trustDomain = workload ? (environmentOf(workload, documents).TRUST_DOMAIN ?? '') : '';
  const { uris = [] } = spec;
  // As the product itself reads it at a handshake.
  const identity = spiffeIdentity({ subjectAltName: uris.map((uri) => `URI:${uri}`).join(', ') }, trustDomain);
  const asked = new Set(
    workloadsOf(documents).flatMap((other) => {
      const address = environmentOf(other, documents)[`NEXUS_${service.toUpperCase()}_URL`];
      return address ? [new URL(address).hostname] : [];
    }),
  );
  return [
    ...unless(uris.length === 1 && [...(identity?.services ?? [])].join() === service, `is ${uris.join(' and ')}`),
    ...unless(uris[0]?.includes(`/ns/${NAMESPACE}/`) === true, `is of another namespace: ${uris[0]}`),
    ...unless(
      uris[0]?.endsWith(`/sa/${workload?.spec.serviceAccountName}`) === true,
      'has not the name of its account',
    ),
    ...[...asked].flatMap((host) => unless(spec.dnsNames?.includes(host) === true, `is not called ${host}`)),
    ...unless(mountedSecret(documents, service) === spec.secretName, `nobody uses ${spec.secretName}`),
    ...unless(!!spec.issuerRef.name, 'nobody signs it'),
  ];
}

const certificates: Rule = {
  name: 'each service has a certificate of its own',
  faults: (documents) => {
    const all = ofKind(documents, 'Certificate');
    const owners = all.map(({ metadata }) => serviceOf(metadata.labels)).sort();
    return [
      ...unless(owners.join() === [...SERVICE_NAMES].sort().join(), `there are those of ${owners.join()}`),
      ...all.flatMap((certificate) =>
        [...formFaults(certificate.spec), ...nameFaults(certificate, documents)].map(
          (fault) => `${certificate.metadata.name}: ${fault}`,
        ),
      ),
    ];
  },
  broken: {
    'one less': (documents) => {
      first(documents, 'Certificate').kind = 'Other';
    },
    'for servers alone': (documents) => {
      first(documents, 'Certificate').spec.usages = ['server auth'];
    },
    'the same key for ever': (documents) => delete first(documents, 'Certificate').spec.privateKey.rotationPolicy,
    'too long a life': (documents) => {
      first(documents, 'Certificate').spec.duration = '48h';
    },
    'renewed too late': (documents) => {
      first(documents, 'Certificate').spec.renewBefore = '7h';
    },
    'no word on its renewal': (documents) => delete first(documents, 'Certificate').spec.renewBefore,
    'the name of another': (documents) => {
      first(documents, 'Certificate', /auth/).spec.uris = ['spiffe://nexus.local/ns/nexus/sa/user'];
    },
    'a second name': (documents) => {
      first(documents, 'Certificate', /auth/).spec.uris.push('spiffe://nexus.local/ns/nexus/sa/user');
    },
    'another namespace': (documents) => {
      first(documents, 'Certificate', /auth/).spec.uris = ['spiffe://nexus.local/ns/other/sa/auth'];
    },
    'another host': (documents) => {
      first(documents, 'Certificate', /auth/).spec.dnsNames = ['other'];
    },
    'another Secret': (documents) => {
      first(documents, 'Certificate').spec.secretName = 'other';
    },
  },
};

describeCharts('identity', (charts) => {
  test.each(ENVIRONMENTS)('%s: certificates', async (environment) => {
    expect(certificates.faults(await charts.documents('nexus', optionsFor(environment)))).toEqual([]);
  });

  test.each(Object.keys(certificates.broken))('it is seen when there is %s', async (change) => {
    const documents = await charts.documents('nexus', optionsFor('production'));
    expect(faultsAfter(certificates, change, documents)).not.toEqual([]);
  });

  test('one process has nobody to show a certificate to', async () => {
    const documents = await charts.documents('nexus', optionsFor('production', { 'global.mode': 'monolith' }));
    expect(ofKind(documents, 'Certificate')).toEqual([]);
  });

  test('the trust domain and the namespace are in the names and in the environment', async () => {
    const options = { ...optionsFor('production', { 'global.tls.trustDomain': 'prod.example' }), namespace: 'apps' };
    const documents = await charts.documents('auth', options);
    expect(ofKind(documents, 'Certificate')[0]?.spec.uris).toEqual(['spiffe://prod.example/ns/apps/sa/auth']);
    const [serving] = workloadsOf(documents).filter(({ does }) => does === 'serve');
    expect(serving && environmentOf(serving, documents).TRUST_DOMAIN).toBe('prod.example');
  });

  test('with csi-driver-spiffe each pod has its own, and no Secret holds it', async () => {
    const set = { 'global.tls.provider': 'csi-driver-spiffe' };
    const documents = await charts.documents('auth', optionsFor('production', set));
    expect(ofKind(documents, 'Certificate')).toEqual([]);
    expect(mountedSecret(documents, 'auth')).toBeUndefined();
    const volumes = ofKind(documents, 'Deployment')[0]?.spec.template.spec.volumes ?? [];
    expect(volumes.find(({ name }) => name === 'tls')?.csi?.driver).toBe('spiffe.csi.cert-manager.io');
  });

  test('each service is another one to Vault, and reads what is its own', async () => {
    for (const provider of ['agent', 'vso', 'csi'] as const) {
      const documents = await charts.documents('nexus', withSecretsFrom(provider));
      const text = JSON.stringify(documents.filter(({ metadata }) => /^nexus-user/.test(metadata.name)));
      expect(text).toContain('nexus/user');
      expect(text).not.toMatch(/nexus\/(auth|project|file|notification|gateway)"/);
    }
  });

  test('what an injector writes goes to files that only the process reads', async () => {
    const documents = await charts.documents('auth', optionsFor('production'));
    const annotations = ofKind(documents, 'Deployment')[0]?.spec.template.metadata?.annotations ?? {};
    const names = Object.keys(annotations).flatMap((key) => /agent-inject-secret-(.+)$/.exec(key)?.[1] ?? []);
    expect(names.sort()).toEqual(['auth-secret', 'database-url', 'redis-url']);
    for (const name of names) expect(annotations[`vault.hashicorp.com/agent-inject-perms-${name}`]).toBe('0400');
    const volume = annotations['vault.hashicorp.com/agent-service-account-token-volume-name'];
    const spec = ofKind(documents, 'Deployment')[0]?.spec.template.spec;
    expect(spec?.volumes?.map(({ name }) => name)).toContain(volume);
    expect(spec?.containers[0]?.volumeMounts?.map(({ name }) => name)).not.toContain(volume);
  });
});
