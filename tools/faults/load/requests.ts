/** Requests of the API as a client makes them, and what is read from their answers. */
import { createHash } from 'node:crypto';
import { dataOf } from './answer-format.ts';
import type { Errand } from './caller.ts';
import type { Answer } from './connection.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

type Parts = Readonly<Record<string, unknown>>;

const parts = (value: unknown): Parts => (typeof value === 'object' && value !== null ? (value as Parts) : {});

export interface SeenProject {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly version: number;
  readonly etag: string;
}

export interface SeenFile {
  readonly id: string;
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

export interface SeenNote {
  readonly category: string;
  readonly projectId: string | undefined;
}

export interface SignedIn {
  readonly id: string;
  readonly token: string;
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export function signedIn(answer: Answer): SignedIn {
  const { user, tokens } = parts(dataOf(answer));
  return { id: String(parts(user).id), token: String(parts(tokens).access_token) };
}

/** What a person says of themselves. */
export function bio(answer: Answer): string | null {
  const { bio: text } = parts(dataOf(answer));
  return typeof text === 'string' ? text : null;
}

function seenProject(data: unknown, etag = ''): SeenProject {
  const { id, name, description, version } = parts(data);
  return {
    id: String(id),
    name: String(name),
    description: typeof description === 'string' ? description : null,
    version: Number(version),
    etag,
  };
}

export function project(answer: Answer): SeenProject {
  return seenProject(dataOf(answer), answer.headers.etag);
}

const list = (answer: Answer): unknown[] => {
  const data = dataOf(answer);
  return Array.isArray(data) ? data : [];
};

export function projects(answer: Answer): SeenProject[] {
  return list(answer).map((one) => seenProject(one));
}

function seenFile(data: unknown): SeenFile {
  const { id, name, sha256: digest, size } = parts(data);
  return { id: String(id), name: String(name), sha256: String(digest), size: Number(size) };
}

export function file(answer: Answer): SeenFile {
  return seenFile(dataOf(answer));
}

export function files(answer: Answer): SeenFile[] {
  return list(answer).map(seenFile);
}

export function notes(answer: Answer): SeenNote[] {
  return list(answer).map((one) => {
    const { category, data } = parts(one);
    const { project_id: projectId } = parts(data);
    return { category: String(category), projectId: typeof projectId === 'string' ? projectId : undefined };
  });
}

/** Of the things in a list. */
export function names(answer: Answer): string[] {
  return list(answer).map((one) => String(parts(one).name));
}

/** A captured mail. */
export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
}

export function mails(answer: Answer): Mail[] {
  return list(answer).map((one) => {
    const { id, to, subject } = parts(one);
    return { id: String(id), to: String(to), subject: String(subject) };
  });
}

const read = (service: Errand['service'], path: string, token: string): Errand => ({
  service,
  method: 'GET',
  path,
  token,
  expects: [200],
  repeatable: true,
});

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

export const requests = {
  /** Refuses a key, as every answer with a secret in it: whether it was served, only a sign-in tells. */
  register: ({ email, password }: Credentials): Errand => ({
    service: 'auth',
    method: 'POST',
    path: '/api/v1/auth/register',
    headers: JSON_TYPE,
    body: json({ email, password, name: 'Ada' }),
    expects: [201],
    repeatable: true,
    afterAll: [409],
  }),
  signIn: ({ email, password }: Credentials): Errand => ({
    service: 'auth',
    method: 'POST',
    path: '/api/v1/auth/login',
    headers: JSON_TYPE,
    body: json({ email, password }),
    expects: [200],
    repeatable: true,
  }),
  /** @param mayFollow whether the person has only just been registered */
  me: (token: string, mayFollow = false): Errand => ({
    ...read('user', '/api/v1/users/me', token),
    expects: mayFollow ? [200, 404] : [200],
  }),
  changeMe: (token: string, key: string, bio: string): Errand => ({
    service: 'user',
    method: 'PATCH',
    path: '/api/v1/users/me',
    token,
    headers: { ...JSON_TYPE, 'idempotency-key': key },
    body: json({ bio }),
    expects: [200],
    repeatable: true,
  }),
  createProject: (token: string, key: string, name: string): Errand => ({
    service: 'project',
    method: 'POST',
    path: '/api/v1/projects',
    token,
    headers: { ...JSON_TYPE, 'idempotency-key': key },
    body: json({ name, tags: ['faults'], metadata: { key } }),
    expects: [201],
    repeatable: true,
  }),
  /** Safe to repeat: the second of two finds another version, which is a 412. */
  changeProject: (token: string, { id, etag }: { id: string; etag: string }, description: string): Errand => ({
    service: 'project',
    method: 'PATCH',
    path: `/api/v1/projects/${id}`,
    token,
    headers: { ...JSON_TYPE, 'if-match': etag },
    body: json({ description }),
    expects: [200],
    repeatable: true,
    afterAll: [412],
  }),
  project: (token: string, id: string): Errand => read('project', `/api/v1/projects/${id}`, token),
  projects: (token: string, limit: number, cursor?: string): Errand =>
    read('project', `/api/v1/projects?limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`, token),
  addMember: (token: string, projectId: string, personId: string): Errand => ({
    service: 'project',
    method: 'PUT',
    path: `/api/v1/projects/${projectId}/members/${personId}`,
    token,
    headers: JSON_TYPE,
    body: json({ role: 'viewer' }),
    expects: [200, 201],
    repeatable: true,
  }),
  upload: (
    token: string,
    key: string,
    { name, content, projectId }: { name: string; content: Buffer; projectId: string | undefined },
  ): Errand => {
    const boundary = `----faults-${key}`;
    const field = (head: string, value: string | Buffer): Buffer =>
      Buffer.concat([
        Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
        Buffer.from(value),
        Buffer.from('\r\n'),
      ]);
    return {
      service: 'file',
      method: 'POST',
      path: '/api/v1/files',
      token,
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'idempotency-key': key,
        'content-digest': `sha-256=:${createHash('sha256').update(content).digest('base64')}:`,
      },
      body: Buffer.concat([
        ...(projectId ? [field('name="project_id"', projectId)] : []),
        field(`name="file"; filename="${name}"\r\nContent-Type: application/octet-stream`, content),
        Buffer.from(`--${boundary}--\r\n`),
      ]),
      expects: [201],
      repeatable: true,
    };
  },
  file: (token: string, id: string): Errand => read('file', `/api/v1/files/${id}`, token),
  content: (token: string, id: string): Errand => read('file', `/api/v1/files/${id}/content`, token),
  files: (token: string, projectId: string | undefined, cursor?: string): Errand =>
    read(
      'file',
      `/api/v1/files?limit=100${projectId ? `&project_id=${projectId}` : ''}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
      token,
    ),
  notes: (token: string, cursor?: string): Errand =>
    read(
      'notification',
      `/api/v1/notifications?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
      token,
    ),
  readAll: (token: string, key: string): Errand => ({
    service: 'notification',
    method: 'POST',
    path: '/api/v1/notifications/read-all',
    token,
    headers: { 'idempotency-key': key },
    expects: [200],
    repeatable: true,
  }),
  mails: (): Errand => ({
    service: 'notification',
    method: 'GET',
    path: '/dev/mail/messages',
    expects: [200],
    repeatable: true,
  }),
};
