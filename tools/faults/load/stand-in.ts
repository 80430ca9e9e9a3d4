import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a stand-in can do that the platform must not. */
export type Vice =
  | 'forgets projects'
  | 'forgets changes'
  | 'makes two projects of one'
  | 'counts a change twice'
  | 'forgets what people say'
  | 'cuts files short'
  | 'makes two files of one'
  | 'welcomes twice'
  | 'mails twice'
  | 'never tells of projects'
  | 'reads what was before'
  | 'answers in a format of its own'
  | 'refuses what is right'
  | 'is down for a while';

interface Thing {
  id: string;
  owner: string;
  name: string;
  project_id?: string | null;
  description?: string | null;
  version: number;
  content: Buffer;
  sha256: string;
}

interface Note {
  category: string;
  data: { project_id?: string };
}

type Reply = readonly [status: number, data: unknown, headers?: Readonly<Record<string, string>>];

/** A small server that answers as the platform does, in memory, and has at most one vice. For specs of the suite itself. */
export class StandIn {
  readonly #server: Server;
  readonly #vice: Vice | undefined;
  readonly #people = new Map<string, { id: string; bio: string | null; notes: Note[] }>();
  readonly #projects: Thing[] = [];
  readonly #files: Thing[] = [];
  readonly #mails: { id: string; to: string; subject: string }[] = [];
  readonly #kept = new Map<string, Reply>();
  #requests = 0;

  constructor(vice?: Vice) {
    this.#vice = vice;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** @returns its address */
  async open(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const key = request.headers['idempotency-key'];
    let reply = typeof key === 'string' ? this.#kept.get(key) : undefined;
    reply ??= this.#isDown() ?? this.#answer(request, path, new URLSearchParams(query), Buffer.concat(chunks));
    if (typeof key === 'string' && reply[0] < 300) this.#kept.set(key, reply);
    const [status, data, headers = {}] = reply;
    const id = randomUUID();
    const page = Array.isArray(data) ? { page: { limit: 100, next_cursor: null, total: data.length } } : {};
    const body = Buffer.isBuffer(data)
      ? data
      : JSON.stringify(
          status < 400
            ? { success: true, data, request_id: id, ...page }
            : { success: false, error: 'It cannot be done.', error_code: status, request_id: id },
        );
    const isOdd = status >= 400 && this.#vice === 'answers in a format of its own';
    response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': id, ...headers });
    response.end(isOdd ? '{"message":"Service Unavailable"}' : body);
  }

  /** From the 60th to the 90th request. */
  #isDown(): Reply | undefined {
    this.#requests += 1;
    const away = ['is down for a while', 'answers in a format of its own'];
    const isAway = away.includes(this.#vice ?? '') && this.#requests > 60 && this.#requests <= 90;
    return isAway ? [503, undefined, { 'retry-after': '0' }] : undefined;
  }

  #answer(request: IncomingMessage, path: string, query: URLSearchParams, body: Buffer): Reply {
    const { method } = request;
    const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
    const [, kind = '', id, part, member] = path.replace('/api/v1', '').split('/');
    if (path === '/dev/mail/messages') return [200, this.#mails];
    if (kind === 'auth') return this.#sign(id ?? '', JSON.parse(body.toString()) as { email: string });
    if (kind === 'users') return this.#self(token, method === 'PATCH' ? body : undefined);
    if (kind === 'notifications' && method === 'POST') return [200, { count: 0 }];
    if (kind === 'notifications') return [200, this.#owner(token)?.notes ?? []];
    if (kind === 'projects') {
      if (method === 'POST') return this.#createProject(token, JSON.parse(body.toString()) as { name: string });
      if (!id) return [200, this.#projects.filter(({ owner }) => owner === token).reverse()];
      const project = this.#projects.find((one) => one.id === id);
      if (!project) return [404, undefined];
      if (method === 'PUT') return this.#addMember(project, part, member ?? '');
      return this.#project(project, method ?? '', request.headers['if-match'], body);
    }
    if (method === 'POST') return this.#upload(token, request, body);
    if (!id) {
      const place = query.get('project_id');
      const there = this.#files.filter((one) => one.owner === token && (one.project_id ?? null) === place);
      return [200, there.reverse()];
    }
    const file = this.#files.find((one) => one.id === id);
    return file ? [200, file.content] : [404, undefined];
  }

  #owner(id: string) {
    return [...this.#people.values()].find((person) => person.id === id);
  }

  #sign(what: string, { email }: { email: string }): Reply {
    const known = this.#people.get(email);
    if (what === 'login') return known ? [200, signed(known.id)] : [401, undefined, { 'www-authenticate': 'Bearer' }];
    if (known) return [409, undefined];
    const welcome: Note = { category: 'account', data: {} };
    const person = {
      id: randomUUID(),
      bio: null,
      notes: this.#vice === 'welcomes twice' ? [welcome, welcome] : [welcome],
    };
    this.#people.set(email, person);
    for (let i = 0; i < (this.#vice === 'mails twice' ? 2 : 1); i += 1)
      this.#mails.push({ id: randomUUID(), to: email, subject: 'Welcome to Nexus' });
    return [201, signed(person.id)];
  }

  #self(id: string, patch: Buffer | undefined): Reply {
    const person = this.#owner(id);
    if (!person) return [404, undefined];
    const said = { id, bio: person.bio };
    if (patch) said.bio = (JSON.parse(patch.toString()) as { bio: string }).bio;
    if (this.#vice !== 'forgets what people say') person.bio = said.bio;
    return [200, said];
  }

  #createProject(owner: string, { name }: { name: string }): Reply {
    const make = (): Thing => ({
      id: randomUUID(),
      owner,
      name,
      description: null,
      version: 1,
      content: Buffer.alloc(0),
      sha256: '',
    });
    const project = make();
    if (this.#vice !== 'forgets projects' || this.#projects.length % 5 !== 4) this.#projects.push(project);
    else this.#projects.push({ ...make(), owner: 'nobody' });
    if (this.#vice === 'makes two projects of one' && this.#projects.length % 5 === 4) this.#projects.push(make());
    return [201, { ...project }, { etag: '"1"' }];
  }

  #project(project: Thing, method: string, ifMatch: string | undefined, body: Buffer): Reply {
    if (method === 'PATCH') {
      if (this.#vice === 'refuses what is right' && project.version === 2) return [403, undefined];
      if (ifMatch !== `"${project.version}"`) return [412, undefined];
      const { description } = JSON.parse(body.toString()) as { description: string };
      const changed = { ...project, description, version: project.version + 1 };
      if (this.#vice !== 'forgets changes' || project.version < 2) Object.assign(project, changed);
      if (this.#vice === 'counts a change twice' && project.version === 3) project.version += 1;
      return [200, changed, { etag: `"${changed.version}"` }];
    }
    if (this.#vice === 'reads what was before' && project.version > 1 && this.#requests % 2 === 0)
      return [200, { ...project, version: 1, description: null }, { etag: '"1"' }];
    return [200, project, { etag: `"${project.version}"` }];
  }

  #addMember(project: Thing, part: string | undefined, member: string): Reply {
    if (part !== 'members') return [404, undefined];
    if (this.#vice !== 'never tells of projects')
      this.#owner(member)?.notes.push({ category: 'project', data: { project_id: project.id } });
    return [200, { user_id: member, role: 'viewer' }];
  }

  #upload(owner: string, request: IncomingMessage, body: Buffer): Reply {
    const boundary = /boundary=(.+)$/.exec(request.headers['content-type'] ?? '')?.[1] ?? '';
    const head = body.indexOf('filename="');
    const name = body.toString('latin1', head + 10, body.indexOf('"', head + 10));
    const place = /name="project_id"\r\n\r\n([^\r]+)/.exec(body.toString('latin1'))?.[1] ?? null;
    const content = body.subarray(body.indexOf('\r\n\r\n', head) + 4, body.lastIndexOf(`\r\n--${boundary}--`));
    const sha256 = createHash('sha256').update(content).digest('hex');
    const make = (): Thing => ({ id: randomUUID(), owner, name, project_id: place, version: 1, content, sha256 });
    const file = make();
    this.#files.push(file);
    if (this.#vice === 'cuts files short') file.content = content.subarray(1);
    if (this.#vice === 'makes two files of one') this.#files.push(make());
    return [201, { id: file.id, name, sha256, size: content.length }];
  }
}

const signed = (id: string) => ({ user: { id }, tokens: { access_token: id } });
