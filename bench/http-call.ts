import { expandCounter, type RequestSpec } from './load/request-template.ts';

const CALL_DEADLINE_MS = 30_000;

export interface CallResult {
  status: number;
  headers: Headers;
  /** The body as it came. */
  text: string;
}

/** Sends one request of a plan outside of the load generator. */
export async function call(origin: string, spec: RequestSpec, counter = 0): Promise<CallResult> {
  const response = await fetch(origin + expandCounter(spec.path, counter), {
    method: spec.method,
    headers: spec.headers,
    body: spec.body === undefined ? null : expandCounter(spec.body, counter),
    signal: AbortSignal.timeout(CALL_DEADLINE_MS),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
