import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { assertRules } from './answer-rules.js';
import type { Client } from './client.js';
import { environment } from './environment.js';
import { formEnd, partHead } from './multipart.js';
import { Reply } from './reply.js';

const CHUNK = 256 * 1024;

function replyOf(asked: string, response: IncomingMessage, bytes: Buffer): Reply {
  const headers = new Headers();
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    headers.append(response.rawHeaders[i] as string, response.rawHeaders[i + 1] as string);
  }
  return new Reply(asked, response.statusCode ?? 0, headers, bytes);
}

/** Content of `size` bytes that is different everywhere, without being held. */
function* contentOf(size: number): Generator<Buffer> {
  const noise = randomBytes(CHUNK);
  for (let sent = 0; sent < size; sent += CHUNK) {
    noise.writeDoubleBE(sent, 0);
    yield Buffer.from(noise.subarray(0, Math.min(CHUNK, size - sent)));
  }
}

/** Sends a big file as it is made. @returns the answer, and the sha-256 of what was sent */
export async function uploadBig(client: Client, size: number): Promise<{ reply: Reply; sha256: string }> {
  const boundary = '----big';
  const sent = request(`${environment.baseUrl}/api/v1/files`, {
    method: 'POST',
    headers: { ...client.headers, 'content-type': `multipart/form-data; boundary=${boundary}` },
    agent: false,
  });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  const hash = createHash('sha256');
  const write = async (chunk: Buffer): Promise<void> => {
    if (!sent.write(chunk)) await Promise.race([once(sent, 'drain'), answered]);
  };
  await write(partHead(boundary, { name: 'file', filename: 'big.bin', type: 'application/octet-stream' }));
  for (const chunk of contentOf(size)) {
    hash.update(chunk);
    await write(chunk);
  }
  sent.end(Buffer.concat([Buffer.from('\r\n'), formEnd(boundary)]));
  const [response] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const reply = replyOf('POST /api/v1/files (big)', response, Buffer.concat(chunks));
  assertRules(reply, { method: 'POST', path: '/api/v1/files', givenId: undefined, readable: true });
  return { reply, sha256: hash.digest('hex') };
}

/** Takes a file without holding it. @returns the head of the answer, and size and sha-256 of what came */
export async function downloadBig(client: Client, id: string): Promise<{ reply: Reply; size: number; sha256: string }> {
  const path = `/api/v1/files/${id}/content`;
  const asked = request(`${environment.baseUrl}${path}`, { headers: client.headers, agent: false });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const reply = replyOf(`GET ${path}`, response, Buffer.alloc(0));
  assertRules(reply, { method: 'HEAD', path, givenId: undefined, readable: true });
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of response) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { reply, size, sha256: hash.digest('hex') };
}
