import { assertRules } from './answer-rules.js';
import { apiDescription } from './api-description.js';
import { randomAddress } from './chance.js';
import { environment } from './environment.js';
import { Reply } from './reply.js';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export interface CallOptions {
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; `content-type` says what it is. */
  readonly body?: string | Buffer;
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: Readonly<Record<string, string>> | string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const ANSWER_TIMEOUT_MS = 20_000;

function bodyOf(options: CallOptions): { body?: string | Uint8Array<ArrayBuffer>; type?: string } {
  if (options.json !== undefined) return { body: JSON.stringify(options.json), type: 'application/json' };
  if (options.form !== undefined) {
    const body = typeof options.form === 'string' ? options.form : new URLSearchParams(options.form).toString();
    return { body, type: 'application/x-www-form-urlencoded' };
  }
  if (options.body === undefined) return {};
  return { body: typeof options.body === 'string' ? options.body : new Uint8Array(options.body) };
}

/**
 * Somebody who makes requests: from an address of their own, with or without a token. Every answer is held against the
 * rules that hold for all, and against the server's own OpenAPI document.
 */
export class Client {
  constructor(
    readonly token?: string,
    readonly address: string = randomAddress(),
  ) {}

  /** The same one with another token, or with none. */
  with(token: string | undefined): Client {
    return new Client(token, this.address);
  }

  /** The same one at another address. */
  from(address: string): Client {
    return new Client(this.token, address);
  }

  get headers(): Record<string, string> {
    return {
      'x-forwarded-for': this.address,
      ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
    };
  }

  async send(method: Method, target: string, options: CallOptions = {}): Promise<Reply> {
    const query = options.query
      ? `?${new URLSearchParams(Object.entries(options.query).map(([name, value]): [string, string] => [name, String(value)]))}`
      : '';
    const { body, type } = bodyOf(options);
    const headers = { ...this.headers, ...(type ? { 'content-type': type } : {}), ...options.headers };
    const response = await fetch(`${environment.baseUrl}${target}${query}`, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(body === undefined ? {} : { body }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const reply = new Reply(`${method} ${target}${query}`, response.status, response.headers, bytes);
    const path = target.split('?')[0] as string;
    assertRules(reply, { method, path, givenId: options.headers?.['x-request-id'], readable: true });
    (await apiDescription()).assertDescribed(reply, method, path);
    return reply;
  }

  get(target: string, options?: CallOptions): Promise<Reply> {
    return this.send('GET', target, options);
  }

  head(target: string, options?: CallOptions): Promise<Reply> {
    return this.send('HEAD', target, options);
  }

  post(target: string, json?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply> {
    return this.send('POST', target, { ...(json === undefined ? {} : { json }), ...(headers ? { headers } : {}) });
  }

  put(target: string, json: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply> {
    return this.send('PUT', target, { json, ...(headers ? { headers } : {}) });
  }

  patch(target: string, json: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply> {
    return this.send('PATCH', target, { json, ...(headers ? { headers } : {}) });
  }

  delete(target: string, headers?: Readonly<Record<string, string>>): Promise<Reply> {
    return this.send('DELETE', target, headers ? { headers } : {});
  }
}

/** A newcomer without credentials, at an address that nobody else uses. */
export function anyone(): Client {
  return new Client();
}
