import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { SERVICE_NAMES } from '@nexus/contracts';
import { ensureLocalCa, type LocalCaOptions, type LocalIdentity, rotateLeaf, rotateRoot } from './local-ca.ts';
import { main, SERVICES } from './main.ts';

const DAY_MS = 86_400_000;
const parents: string[] = [];
let folder: string;
beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), 'nexus-ca-'));
  parents.push(parent);
  folder = join(parent, 'tls');
});
afterAll(() => {
  for (const path of parents) rmSync(path, { recursive: true, force: true });
});

const read = (path: string) => readFileSync(path, 'utf8');
const pemOf = ({ cert, key, ca }: LocalIdentity) => ({ cert: read(cert), key: read(key), ca: read(ca) });

async function ensureOne(options: LocalCaOptions = {}): Promise<LocalIdentity> {
  const [found] = await ensureLocalCa(folder, ['auth'], options);
  if (found === undefined) throw new Error('no identity');
  return found;
}

type Pem = ReturnType<typeof pemOf>;

/** A mutual TLS 1.3 handshake by host name. @returns what the server sees of the client, or why there is nothing to see */
async function handshake(server: Pem, client: Pem): Promise<string> {
  const listener = createServer({ ...server, requestCert: true, minVersion: 'TLSv1.3' }, (socket) =>
    socket.end(socket.getPeerX509Certificate()?.subjectAltName?.split(',')[0] ?? ''),
  );
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const socket = connect({ ...client, port: (listener.address() as AddressInfo).port, host: '127.0.0.1' });
  let seen = '';
  socket.on('data', (chunk) => {
    seen += String(chunk);
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    seen = String(error.code);
  });
  await once(socket, 'close').catch(() => undefined);
  await new Promise((closed) => listener.close(closed));
  return seen || 'refused';
}

describe('ensureLocalCa', () => {
  it('makes identities that believe one another', async () => {
    const [auth, user] = (await ensureLocalCa(folder, ['auth', 'user'])) as [LocalIdentity, LocalIdentity];
    expect(await handshake(pemOf(auth), pemOf(user))).toBe('URI:spiffe://nexus.local/ns/local/sa/user');
    const certificate = new X509Certificate(read(auth.cert));
    expect(certificate.subjectAltName).toBe(
      'URI:spiffe://nexus.local/ns/local/sa/auth, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    );
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect((auth.notAfter - Date.now()) / DAY_MS).toBeCloseTo(30, 1);
    const root = new X509Certificate(read(auth.ca));
    expect((root.validToDate.getTime() - Date.now()) / DAY_MS).toBeCloseTo(3650, 1);
    expect(auth.env).toEqual({
      TLS_CERT_FILE: auth.cert,
      TLS_KEY_FILE: auth.key,
      TLS_CA_FILE: auth.ca,
      TRUST_DOMAIN: 'nexus.local',
    });
  });

  it('keeps everything for its owner, and leaves nothing behind', async () => {
    await ensureOne();
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    expect(entries.map((entry) => entry.name).sort()).toEqual([
      'auth',
      'authority',
      'ca.pem',
      'cert.pem',
      'key.pem',
      'root.pem',
    ]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const entry of entries) {
      const { mode } = statSync(join(entry.parentPath, entry.name));
      expect(mode & 0o777).toBe(entry.isDirectory() ? 0o700 : 0o600);
    }
  });

  it('touches nothing that is good', async () => {
    const first = await ensureOne();
    const before = [first.cert, first.key, first.ca].map((path) => statSync(path).ino);
    expect(await ensureOne()).toEqual(first);
    expect([first.cert, first.key, first.ca].map((path) => statSync(path).ino)).toEqual(before);
  });

  it('renews a certificate with less than a third of its time left, under the same root', async () => {
    const first = await ensureOne();
    const root = read(first.ca);
    expect(await ensureOne({ now: Date.now() + 19.9 * DAY_MS })).toEqual(first);
    const second = await ensureOne({ now: Date.now() + 20.1 * DAY_MS });
    expect(second.serialNumber).not.toBe(first.serialNumber);
    expect((second.notAfter - first.notAfter) / DAY_MS).toBeCloseTo(20.1, 1);
    expect(read(second.ca)).toBe(root);
  });

  it('renews the root in time too', async () => {
    const first = await ensureOne();
    const root = read(first.ca);
    const second = await ensureOne({ now: Date.now() + 2500 * DAY_MS });
    expect(read(second.ca)).not.toBe(root);
    expect(new X509Certificate(read(second.cert)).checkIssued(new X509Certificate(read(second.ca)))).toBe(true);
  });

  it.each<[string, (found: LocalIdentity) => void]>([
    ['the certificate is damaged', ({ cert }) => writeFileSync(cert, 'rubbish')],
    ['the key is missing', ({ key }) => rmSync(key)],
    [
      'the key is of another certificate',
      ({ key }) =>
        writeFileSync(key, read(join(folder, 'authority/root.pem')).replace(/^.*END CERTIFICATE-----\n/s, '')),
    ],
    ['the bundle is missing', ({ ca }) => rmSync(ca)],
    ['a change of the root was interrupted', ({ ca, cert }) => writeFileSync(ca, read(ca) + read(cert))],
    ['the root is damaged', () => writeFileSync(join(folder, 'authority/root.pem'), 'rubbish')],
  ])('mends the folder when %s', async (_what, harm) => {
    const first = await ensureOne();
    harm(first);
    const second = await ensureOne();
    expect(read(second.ca).match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    expect(await handshake(pemOf(second), pemOf(second))).toBe('URI:spiffe://nexus.local/ns/local/sa/auth');
  });

  it('issues anew under another trust domain', async () => {
    await ensureOne();
    const { uris, cert, env } = await ensureOne({ trustDomain: 'example.org', namespace: 'dev' });
    expect(uris).toEqual(['spiffe://example.org/ns/dev/sa/auth']);
    expect(new X509Certificate(read(cert)).subjectAltName).toContain(`URI:${uris[0]},`);
    expect(env.TRUST_DOMAIN).toBe('example.org');
  });

  it.each(['../x', 'Auth', '', 'a/b', 'authority', 'a, URI:spiffe://x'])('refuses %j as a name', async (name) => {
    await expect(ensureLocalCa(folder, [name])).rejects.toThrow('is not a name');
  });
});

describe('rotation', () => {
  it('gives one service a new certificate', async () => {
    const [auth, user] = (await ensureLocalCa(folder, ['auth', 'user'])) as [LocalIdentity, LocalIdentity];
    const renewed = await rotateLeaf(folder, 'auth');
    expect(renewed.serialNumber).not.toBe(auth.serialNumber);
    expect(await ensureLocalCa(folder, ['auth', 'user'])).toEqual([renewed, user]);
    expect(await handshake(pemOf(renewed), pemOf(user))).toContain('user');
  });

  it('never leaves two services that do not believe one another while the root changes', async () => {
    const [auth, user] = (await ensureLocalCa(folder, ['auth', 'user'])) as [LocalIdentity, LocalIdentity];
    const stages: Pem[][] = [[pemOf(auth), pemOf(user)]];
    const settled = async () => void stages.push([pemOf(auth), pemOf(user)]);
    const renewed = await rotateRoot(folder, { settled });
    await settled();
    expect(renewed.map(({ service }) => service)).toEqual(['auth', 'user']);
    expect(stages).toHaveLength(4);
    // A process may lag behind another by one stage.
    for (const [index, [one]] of stages.entries()) {
      for (const [, other] of stages.slice(Math.max(0, index - 1), index + 2)) {
        if (one && other) expect(await handshake(one, other)).toContain('user');
      }
    }
    const [first, last] = [stages[0]?.[0], stages[3]?.[1]];
    if (first && last) expect(await handshake(first, last)).not.toContain('user');
    expect(await ensureLocalCa(folder, ['auth', 'user'])).toEqual(renewed);
  });
});

describe('the command', () => {
  const lines: string[] = [];
  const run = async (...args: string[]) => {
    lines.length = 0;
    return main(
      args,
      (line) => lines.push(line),
      (line) => lines.push(line),
    );
  };

  it('knows the services of the platform', () => {
    expect(SERVICES).toEqual([...SERVICE_NAMES]);
  });

  it('runs by itself, and tells the identities', () => {
    const path = fileURLToPath(new URL('./main.ts', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [path, folder], { encoding: 'utf8', env: {} });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toHaveLength(6);
    expect(stdout).toMatch(/^spiffe:\/\/nexus\.local\/ns\/local\/sa\/gateway {2}serial [0-9A-F]+ {2}until 20/);
  });

  it('rotates a leaf', async () => {
    await run(folder, '--services=auth');
    const [before] = lines;
    expect(await run(folder, '--services=auth', '--rotate=leaf')).toBe(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toBe(before);
  });

  it.each([
    [[]],
    [['a', 'b']],
    [['x', '--rotate=all']],
    [['x', '--bogus']],
    [['x', '--services=A']],
    [['x', '--rotate=root', '--services=auth']],
  ])('says what is wrong with %j', async (args) => {
    expect(await run(...args)).toBe(1);
    expect(lines).toHaveLength(1);
  });
});
