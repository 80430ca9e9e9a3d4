import { createHash } from 'node:crypto';
import type { Client } from './client.js';
import { asCall, formOf, type Part } from './multipart.js';
import type { Reply } from './reply.js';
import type { StoredFile } from './resources.js';

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** `sha-256` as RFC 9530 writes it. */
export function digestField(content: string | Buffer): string {
  return `sha-256=:${createHash('sha256').update(content).digest('base64')}:`;
}

export interface Upload {
  readonly content: string | Buffer;
  readonly filename?: string;
  readonly type?: string;
  readonly projectId?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function uploadParts({ content, filename = 'note.txt', type = 'text/plain', projectId }: Upload): Part[] {
  const file = { name: 'file', filename, type, content };
  return projectId === undefined ? [file] : [{ name: 'project_id', content: projectId }, file];
}

export function tryUpload(client: Client, upload: Upload): Promise<Reply> {
  return client.send('POST', '/api/v1/files', asCall(formOf(...uploadParts(upload)), upload.headers));
}

export async function uploadFile(client: Client, upload: Upload): Promise<StoredFile> {
  return (await tryUpload(client, upload)).is(201).data<StoredFile>();
}
