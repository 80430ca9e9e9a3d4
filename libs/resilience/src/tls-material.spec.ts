import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { loadConfig } from '@nexus/config';
import { type CertificateSet, TestAuthority } from '@nexus/testing';
import { tlsConfig, tlsConfigRule } from './tls.config.js';
import { type TlsIdentity, tlsIdentity } from './tls-identity.js';
import { TlsMaterial, type TlsMaterialOptions } from './tls-material.js';

const DOMAIN = { trustDomain: 'nexus.local' };

let authority: TestAuthority;
let first: CertificateSet;
let second: CertificateSet;
beforeAll(async () => {
  authority = await TestAuthority.create();
  first = await authority.issue('user');
  second = await authority.issue('user');
});

const parent = mkdtempSync(join(tmpdir(), 'nexus-tls-'));
afterAll(() => rmSync(parent, { recursive: true }));

const open: TlsMaterial[] = [];
let folder: string;
let faults: string[];
let seen: string[];
beforeEach(() => {
  folder = mkdtempSync(join(parent, 'case-'));
  faults = [];
  seen = [];
});
afterEach(() => {
  for (const material of open.splice(0)) material.close();
});

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in 5 s: ${what}`);
    await new Promise((later) => setTimeout(later, 5));
  }
}

const serialOf = (set: CertificateSet) => tlsIdentity(set, DOMAIN).serialNumber;

function write(set: Partial<CertificateSet>, where = folder): void {
  for (const [name, pem] of Object.entries(set)) writeFileSync(join(where, `${name}.pem`), pem);
}

/** Material of the files in the folder, its refusals and changes written down. */
function watchFolder(where = folder, options: Partial<TlsMaterialOptions> = {}): TlsMaterial {
  const file = (name: string) => ({ file: join(where, `${name}.pem`) });
  const material = TlsMaterial.from(
    { cert: file('cert'), key: file('key'), ca: file('ca') },
    { ...DOMAIN, settleMs: 10, pollMs: 60_000, onRefused: (error) => faults.push(error.message), ...options },
  );
  material.subscribe(({ serialNumber }) => seen.push(serialNumber));
  open.push(material);
  return material;
}

describe('tlsIdentity', () => {
  test('tells whose the certificate is and when it ends', () => {
    const { uris, services, notAfter, serialNumber } = tlsIdentity(first, DOMAIN);
    expect({ uris, services }).toEqual({
      uris: ['spiffe://nexus.local/ns/test/sa/user'],
      services: new Set(['user']),
    });
    expect(notAfter).toBeGreaterThan(Date.now());
    expect(serialNumber).toMatch(/^[0-9A-F]+$/);
  });

  test.each<[string, () => Promise<CertificateSet>, string]>([
    ['another key', async () => ({ ...first, key: second.key }), 'the private key does not belong to the certificate'],
    ['no key', async () => ({ ...first, key: 'rubbish' }), 'the private key cannot be read'],
    ['no certificate', async () => ({ ...first, cert: '' }), 'the certificate chain holds no certificate in PEM form'],
    [
      'a damaged certificate',
      async () => ({ ...first, cert: first.cert.replace(/\n.{9}/, '\n') }),
      'certificate 1 of the certificate chain cannot be read',
    ],
    ['no bundle', async () => ({ ...first, ca: 'rubbish' }), 'the CA bundle holds no certificate in PEM form'],
    ['far too much', async () => ({ ...first, ca: first.ca.repeat(2_000) }), 'the CA bundle is larger than 1 MiB'],
    [
      'a certificate that has ended',
      () => authority.issue('user', { notBefore: 0, notAfter: 1000 }),
      'the certificate ended at 1970-01-01T00:00:01.000Z',
    ],
    [
      'a certificate of the future',
      () => authority.issue('user', { notBefore: 4e12, notAfter: 4.1e12 }),
      'the certificate is not valid before 2096-10-02T07:06:40.000Z',
    ],
    ['an RSA certificate', () => authority.issue('user', { rsa: true }), 'the certificate is not an ECDSA one'],
    [
      'a certificate for clients alone',
      () => authority.issue('user', { usages: ['clientAuth'] }),
      'the certificate is not meant for both servers and clients (extended key usage)',
    ],
    [
      'another trust domain',
      () => authority.issue('user', { trustDomain: 'elsewhere' }),
      'the certificate does not carry one URI name for each of its services, spiffe://nexus.local/ns/<namespace>/sa/<service>',
    ],
    ['another service', () => authority.issue('auth'), 'the certificate is of auth, not of user'],
    [
      'another authority',
      async () => ({ ...first, ca: (await TestAuthority.create('Other CA')).pem }),
      'no authority of the CA bundle signed the certificate',
    ],
    [
      'an authority that has ended',
      async () => (await TestAuthority.create('Old CA', 1000)).issue('user'),
      'no authority of the CA bundle signed the certificate',
    ],
  ])('refuses %s', async (_what, set, sentence) => {
    const pem = await set();
    expect(() => tlsIdentity(pem, { ...DOMAIN, services: ['user'] })).toThrow(sentence);
  });

  test('believes any authority of the bundle', async () => {
    const other = await TestAuthority.create('Other CA');
    expect(tlsIdentity({ ...first, ca: other.pem + first.ca }, DOMAIN).services).toEqual(new Set(['user']));
  });
});

describe('TlsMaterial', () => {
  test('takes another set, tells its subscribers, and keeps the old one when the other is not usable', async () => {
    const material = TlsMaterial.fromPem(first, DOMAIN);
    const identities: TlsIdentity[] = [];
    const end = material.subscribe((identity) => identities.push(identity));
    material.replace(first);
    expect(identities).toEqual([]);
    material.replace(second);
    expect(identities).toEqual([material.identity]);
    expect(material.identity.serialNumber).toBe(serialOf(second));
    expect(() => material.replace({ ...second, key: first.key })).toThrow('does not belong');
    expect(material.identity.serialNumber).toBe(serialOf(second));
    expect(material.expiresAt).toBe(material.identity.notAfter);
    end();
    material.replace(first);
    expect(identities).toHaveLength(1);
  });

  test('follows its files', async () => {
    write(first);
    const material = watchFolder();
    write(second);
    await until(() => seen.length > 0, 'the change is seen');
    expect(seen.at(-1)).toBe(serialOf(second));
    expect(material.identity.cert).toBe(second.cert);
  });

  test('follows a volume of Kubernetes, where a link beside the files is swapped', async () => {
    const version = (name: string, set: CertificateSet) => {
      mkdirSync(join(folder, name));
      write(set, join(folder, name));
    };
    version('..1', first);
    symlinkSync('..1', join(folder, '..data'));
    for (const name of ['cert', 'key', 'ca']) symlinkSync(join('..data', `${name}.pem`), join(folder, `${name}.pem`));
    watchFolder();
    for (const [name, set] of [
      ['..2', second],
      ['..3', first],
    ] as const) {
      version(name, set);
      symlinkSync(name, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
      await until(() => seen.at(-1) === serialOf(set), `${name} is seen`);
    }
    expect(faults).toEqual([]);
  });

  test('never takes broken files, says so once, and goes on when they are mended', async () => {
    write(first);
    const material = watchFolder();
    write({ cert: second.cert });
    await until(() => faults.length > 0, 'the refusal');
    expect(faults).toEqual(['the private key does not belong to the certificate']);
    expect(material.reload()).toBe(false);
    rmSync(join(folder, 'key.pem'));
    await until(() => faults.length > 1, 'the next refusal');
    expect(faults).toEqual([
      'the private key does not belong to the certificate',
      'the file of the private key cannot be read (ENOENT)',
    ]);
    expect(material.identity.serialNumber).toBe(serialOf(first));
    expect(seen).toEqual([]);
    write({ key: second.key });
    await until(() => seen.length > 0, 'the change is seen');
    expect(seen).toEqual([serialOf(second)]);
  });

  test('sees by the clock what the watch misses: a folder that is replaced', async () => {
    const inner = join(folder, 'tls');
    mkdirSync(inner);
    write(first, inner);
    watchFolder(inner, { pollMs: 20 });
    const next = join(folder, 'next');
    mkdirSync(next);
    write(second, next);
    renameSync(inner, join(folder, 'old'));
    renameSync(next, inner);
    await until(() => seen.length > 0, 'the change is seen');
    expect(seen).toEqual([serialOf(second)]);
  });

  test('looks no more after close()', async () => {
    write(first);
    const material = watchFolder(folder, { pollMs: 5 });
    material.close();
    write({ key: 'rubbish' });
    const other = watchFolderOf(second);
    await until(other, 'a watch that is open sees a later change');
    expect(faults).toEqual([]);
    expect(material.identity.serialNumber).toBe(serialOf(first));
  });

  /** A second folder whose change is noticed after one in the first would have been. */
  function watchFolderOf(set: CertificateSet): () => boolean {
    const where = mkdtempSync(join(parent, 'other-'));
    write(first, where);
    const material = watchFolder(where, { pollMs: 5 });
    write(set, where);
    return () => material.identity.serialNumber === serialOf(set);
  }

  test('does not let one subscriber keep the news from another', () => {
    const material = TlsMaterial.fromPem(first, { ...DOMAIN, onRefused: (error) => faults.push(error.message) });
    material.subscribe(() => {
      throw new Error('not me');
    });
    material.subscribe(({ serialNumber }) => seen.push(serialNumber));
    material.replace(second);
    expect(seen).toEqual([serialOf(second)]);
    expect(faults).toEqual(['not me']);
  });
});

describe('the configuration', () => {
  const load = (env: Record<string, string>) => loadConfig([tlsConfig], env, [tlsConfigRule]);

  test('names files that are read again', async () => {
    write(first);
    const env = {
      TLS_CERT_FILE: join(folder, 'cert.pem'),
      TLS_KEY_FILE: join(folder, 'key.pem'),
      TLS_CA_FILE: join(folder, 'ca.pem'),
    };
    const material = TlsMaterial.fromConfig(load(env), { services: ['user'], settleMs: 10 });
    if (material === undefined) throw new Error('no material');
    open.push(material);
    expect(material.trustDomain).toBe('nexus.local');
    write(second);
    await until(() => material.identity.serialNumber === serialOf(second), 'the change is seen');
  });

  test('may hold the text itself, and may be left out', () => {
    const env = { TLS_CERT: first.cert, TLS_KEY: first.key, TLS_CA: first.ca };
    expect(TlsMaterial.fromConfig(load(env))?.identity.services).toEqual(new Set(['user']));
    expect(TlsMaterial.fromConfig(load({}))).toBeUndefined();
    expect(load(env).masked()).toMatchObject({ TLS_KEY: '********' });
  });

  test('names what is missing, and what is not PEM or a trust domain', () => {
    expect(() => load({ TLS_CERT: first.cert })).toThrow(
      'TLS_CERT, TLS_KEY and TLS_CA go together: TLS_KEY and TLS_CA are missing',
    );
    expect(() => load({ TLS_CERT: first.cert, TLS_CA: first.ca })).toThrow('TLS_KEY is missing');
    expect(() => load({ TLS_CERT: '/etc/tls/cert.pem' })).toThrow('TLS_CERT: must be a certificate chain in PEM form');
    expect(() => load({ TRUST_DOMAIN: 'spiffe://x' })).toThrow('TRUST_DOMAIN: must be a name');
  });
});
