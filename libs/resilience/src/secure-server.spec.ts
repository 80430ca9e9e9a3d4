import { createServer, type Server } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type CertificateSet, TestAuthority } from '@nexus/testing';
import { attachReload, peerServices, secureServerOptions } from './secure-server.js';
import { TlsMaterial } from './tls-material.js';

const DOMAIN = { trustDomain: 'nexus.local' };

let authority: TestAuthority;
let foreign: TestAuthority;
let user: CertificateSet;
let gateway: CertificateSet;
beforeAll(async () => {
  authority = await TestAuthority.create();
  foreign = await TestAuthority.create('Foreign CA');
  user = await authority.issue('user');
  gateway = await authority.issue('gateway');
});

const servers: Server[] = [];
let served = 0;
// Node ends the connection without an alert when it does not trust the certificate.
const REFUSED = /^(closed|ECONNRESET|EPIPE|ERR_SSL_TLSV1_ALERT_UNKNOWN_CA)$/;
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

/** A listener that answers with the name of its caller. */
async function serve(material: TlsMaterial): Promise<number> {
  const server = createServer(secureServerOptions(material), (request, response) => {
    served += 1;
    response.end([...peerServices(request.socket, material.trustDomain)][0] ?? 'nobody');
  });
  servers.push(server);
  attachReload(server, material);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return (server.address() as AddressInfo).port;
}

/** One request over a connection of its own: the first line and the body of the answer, or why there is none. */
function ask(port: number, options: ConnectionOptions, keep?: (socket: TLSSocket) => void): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
      ...options,
    });
    socket.on('secureConnect', () => {
      keep?.(socket);
      socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    });
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve(text === '' ? 'closed' : `${text.slice(9, 12)} ${text.split('\r\n\r\n')[1]}`));
  });
}

describe('a listener for services', () => {
  test('tells who calls, by the verified certificate', async () => {
    const port = await serve(TlsMaterial.fromPem(user, DOMAIN));
    expect(await ask(port, gateway)).toContain('200 gateway');
  });

  test.each<[string, () => Promise<ConnectionOptions>, RegExp]>([
    ['no certificate', async () => ({ ca: user.ca }), /CERTIFICATE_REQUIRED/],
    ['a certificate of another authority', async () => ({ ...(await foreign.issue('gateway')), ca: user.ca }), REFUSED],
    [
      'a certificate that has ended',
      async () => authority.issue('gateway', { notBefore: 0, notAfter: Date.now() - 1000 }),
      REFUSED,
    ],
    ['a certificate for servers alone', async () => authority.issue('gateway', { usages: ['serverAuth'] }), REFUSED],
    [
      'an RSA certificate',
      async () => authority.issue('gateway', { rsa: true }),
      /SIGALG|HANDSHAKE|ILLEGAL|SIGNATURE|CERTIFICATE/,
    ],
    ['TLS 1.2', async () => ({ ...gateway, maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }), /PROTOCOL_VERSION/],
  ])('refuses %s', async (_what, options, code) => {
    const port = await serve(TlsMaterial.fromPem(user, DOMAIN));
    served = 0;
    expect(await ask(port, await options())).toMatch(code);
    expect(served).toBe(0);
    expect(await ask(port, gateway)).toContain('gateway');
  });

  test.each<[string, () => Promise<CertificateSet>]>([
    ['another trust domain', () => authority.issue('gateway', { trustDomain: 'elsewhere' })],
    ['a service that there is not', () => authority.issue('admin')],
    ['no SPIFFE name', () => authority.issue('gateway', { names: [{ type: 'dns', value: 'gateway' }] })],
    [
      'a SPIFFE name beside one that is foreign',
      () =>
        authority.issue('gateway', {
          names: [
            { type: 'url', value: 'spiffe://nexus.local/ns/a/sa/gateway' },
            { type: 'url', value: 'spiffe://elsewhere/ns/a/sa/auth' },
          ],
        }),
    ],
    [
      'a SPIFFE name within another name',
      () => authority.issue('x', { names: [{ type: 'dns', value: 'a, URI:spiffe://nexus.local/ns/a/sa/gateway' }] }),
    ],
  ])('knows nobody by %s', async (_what, certificate) => {
    const port = await serve(TlsMaterial.fromPem(user, DOMAIN));
    expect(await ask(port, await certificate())).toContain('nobody');
  });

  test('knows nobody on a plain connection', () => {
    expect(peerServices(new Socket(), 'nexus.local').size).toBe(0);
  });

  test('follows its material: new handshakes see the new certificate and the new bundle', async () => {
    const material = TlsMaterial.fromPem(user, DOMAIN);
    const port = await serve(material);
    const serials: string[] = [];
    const note = (socket: TLSSocket) => serials.push(socket.getPeerX509Certificate()?.serialNumber ?? '');
    await ask(port, gateway, note);

    const next = await TestAuthority.create('Next CA');
    const renewed = await next.issue('user');
    const both = authority.pem + next.pem;
    material.replace({ ...renewed, ca: both });
    expect(await ask(port, { ...gateway, ca: both }, note)).toContain('gateway');
    expect(await ask(port, { ...(await next.issue('gateway')), ca: both }, note)).toContain('gateway');
    expect(serials[1]).not.toBe(serials[0]);
    expect(serials[2]).toBe(serials[1]);

    material.replace({ ...renewed, ca: next.pem });
    expect(await ask(port, { ...gateway, ca: both })).toMatch(REFUSED);
  });

  test('lets nobody resume a session of before a change', async () => {
    const material = TlsMaterial.fromPem(user, DOMAIN);
    const port = await serve(material);
    let session: Buffer | undefined;
    const keep = (socket: TLSSocket) => socket.on('session', (ticket) => (session = ticket));
    const reused: boolean[] = [];
    const note = (socket: TLSSocket) => reused.push(socket.isSessionReused());
    await ask(port, gateway, keep);
    expect(await ask(port, { ...gateway, session }, note)).toContain('gateway');

    const next = await TestAuthority.create('Next CA');
    material.replace({ ...(await next.issue('user')), ca: next.pem });
    const answer = await ask(port, { ...gateway, ca: next.pem, session }, note);
    expect(reused).toEqual([true, false]);
    expect(answer).not.toContain('gateway');
  });
});
