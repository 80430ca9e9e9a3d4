import { createHash } from 'node:crypto';
import type { RawClient, RawReply } from './raw-client.js';
import { reply, type SeenRequest } from './raw-origin.js';

/** What makes a request the one that it is. */
export function nameOf({ method, target, body }: Pick<SeenRequest, 'method' | 'target' | 'body'>): string {
  return `${method} ${target} ${createHash('sha256').update(body).digest('hex').slice(0, 12)}`;
}

/** A request as a spec means it, named as {@link nameOf} does. */
export function meant(method: string, target: string, body = ''): string {
  return nameOf({ method, target, body: Buffer.from(body, 'latin1') });
}

/** Answers with the name of the request, in a field that only this answer has. */
export function echo(request: SeenRequest): Buffer {
  return reply(200, ['Content-Type: application/json', `X-Echo: ${nameOf(request)}`], '{"success":true,"data":null}');
}

/** What one connection got. */
export interface Outcome {
  /** Every answer, in order: the name of the request that the service answered, or the code of the gateway's refusal. */
  readonly answers: string[];
  readonly closed: boolean;
}

function outcomeOf(answer: RawReply): string {
  const echoed = answer.field('x-echo');
  if (echoed !== undefined) return echoed;
  return answer.status >= 400 ? answer.errorCode : String(answer.status);
}

/**
 * Reads what a connection answers: until it is closed, or until the answer to a request that ends the connection, which
 * is sent after the others, is there.
 */
export async function outcome(client: RawClient): Promise<Outcome> {
  const answers: string[] = [];
  for (;;) {
    const answer = await client.reply();
    if (!answer) return { answers, closed: true };
    if (answer.status < 200) continue;
    const name = outcomeOf(answer);
    if (name === LAST) return { answers, closed: false };
    answers.push(name);
  }
}

/** Sent last: whoever gets its answer has a connection that still works. */
export const LAST = meant('GET', '/api/v1/files/usage');
