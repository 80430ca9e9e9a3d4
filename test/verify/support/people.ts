import { randomBytes } from 'node:crypto';

/** What was answered. */
export interface Reply<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly data: T;
  readonly code: string | undefined;
  readonly ms: number;
}

/** Sends one request on a connection of its own. */
export async function call<T = unknown>(
  url: string,
  method: string,
  path: string,
  { token, apiKey, body }: { readonly token?: string; readonly apiKey?: string; readonly body?: object } = {},
): Promise<Reply<T>> {
  const from = performance.now();
  const reply = await fetch(url + path, {
    method,
    signal: AbortSignal.timeout(30_000),
    headers: {
      connection: 'close',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(apiKey ? { 'x-api-key': apiKey } : {}),
      ...(body && !(body instanceof FormData) ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: body instanceof FormData ? body : JSON.stringify(body) } : {}),
  });
  const text = await reply.text();
  const json = (text === '' ? {} : JSON.parse(text)) as { data?: T; details?: { code: string }[] };
  const ms = performance.now() - from;
  return { status: reply.status, headers: reply.headers, data: json.data as T, code: json.details?.[0]?.code, ms };
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Somebody who is signed in. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
}

/** Registers somebody new. @throws Error with what was answered instead */
export async function register(url: string): Promise<Person> {
  const email = `p-${randomBytes(6).toString('hex')}@example.com`;
  const password = `Lantern-${randomBytes(9).toString('base64url')}`;
  const body = { email, password, name: 'Ada' };
  const { status, data, code } = await call<{ user: { id: string }; tokens: Tokens }>(
    url,
    'POST',
    '/api/v1/auth/register',
    { body },
  );
  if (status !== 201) throw new Error(`The registration was answered with ${status} ${code}`);
  return { id: data.user.id, email, password, token: data.tokens.access_token };
}

/** A further session. @throws Error with what was answered instead */
export async function signIn(url: string, { email, password }: Person): Promise<string> {
  const { status, data, code } = await call<{ tokens: Tokens }>(url, 'POST', '/api/v1/auth/login', {
    body: { email, password },
  });
  if (status !== 200) throw new Error(`The sign-in was answered with ${status} ${code}`);
  return data.tokens.access_token;
}
