import { setTimeout as sleep } from 'node:timers/promises';
import { formatFault, reasonOf } from './answer-format.ts';
import type { Chance } from './chance.ts';
import { type Answer, Connection, NoAnswer, type Outgoing } from './connection.ts';
import type { FindingsList } from './findings.ts';
import type { Service, Timeline } from './timeline.ts';

/** A request, and how a careful client treats it. */
export interface Errand extends Outgoing {
  /** The service that has to answer. */
  readonly service: Service;
  readonly token?: string;
  /** Answers that are right. */
  readonly expects: readonly number[];
  /** Whether it may be sent again when nobody knows what became of it: it changes nothing, is keyed or idempotent. */
  readonly repeatable: boolean;
  /** Answers of 4xx that the caller itself makes sense of, once an earlier try may have been served. */
  readonly afterAll?: readonly number[];
}

export interface Outcome {
  /** The answer, if one of the right ones came; or a 4xx. */
  readonly answer: Answer | undefined;
  /** Whether the request may have been served although no try of it was answered well. */
  readonly uncertain: boolean;
}

/** So long a client tries, in ms. */
const PATIENCE_MS = 20_000;
/** So long a key may be held by a try that was cut off, in ms; an upload whose process died holds it for 30 s. */
const HELD_MS = 45_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** What all callers of a run write down. */
export interface Journal {
  readonly timeline: Timeline;
  readonly findings: FindingsList;
}

const describe = ({ method, path }: Outgoing, { status, body }: Answer): string =>
  `${method} ${path.replace(/\?.*/, '')} was answered with ${status} ${body.toString('utf8').slice(0, 200)}`;

/**
 * A client as its author should have written it: one connection, which it keeps; tries again what was refused with 429 or
 * 503, when it is told to; tries again what got no answer, or 5xx, where that is safe.
 */
export class Caller {
  readonly #connection: Connection;
  readonly #journal: Journal;
  readonly #chance: Chance;
  readonly #stopping: AbortSignal;

  constructor(base: string, journal: Journal, chance: Chance, stopping: AbortSignal) {
    this.#connection = new Connection(base);
    this.#journal = journal;
    this.#chance = chance;
    this.#stopping = stopping;
  }

  async call(errand: Errand): Promise<Outcome> {
    const deadline = Date.now() + PATIENCE_MS;
    let uncertain = false;
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#try(errand, uncertain);
      if (answer && errand.expects.includes(answer.status)) return { answer, uncertain };
      if (answer && answer.status < 500 && !this.#mayComeAgain(answer)) return { answer, uncertain };
      // A refusal that says when to come back is one: nothing was done. Of anything else nobody knows.
      const refused = answer !== undefined && [409, 429, 503].includes(answer.status);
      if (!answer || answer.status >= 500) uncertain = true;
      if (!refused && !errand.repeatable) return { answer: undefined, uncertain };
      const pause = this.#pause(tries, answer);
      if (pause === undefined || this.#stopping.aborted) return { answer: undefined, uncertain };
      const isHeld = answer?.status === 409;
      if (Date.now() + pause > deadline + (isHeld ? HELD_MS - PATIENCE_MS : 0)) {
        if (isHeld) this.#journal.findings.add('wrong', `${describe(errand, answer)} for ${HELD_MS / 1_000} s`);
        return { answer: undefined, uncertain };
      }
      await sleep(pause, undefined, { signal: this.#stopping }).catch(() => undefined);
    }
  }

  /** One request, without a second try and without an entry in the timeline. @throws NoAnswer */
  look(outgoing: Outgoing): Promise<Answer> {
    return this.#connection.send(outgoing);
  }

  close(): void {
    this.#connection.close();
  }

  #mayComeAgain(answer: Answer): boolean {
    return answer.status === 429 || (answer.status === 409 && reasonOf(answer) === 'idempotency_in_progress');
  }

  /** In ms; undefined when the server asks for more patience than a client has. */
  #pause(tries: number, answer: Answer | undefined): number | undefined {
    const told = Number(answer?.headers['retry-after'] ?? Number.NaN) * 1_000;
    if (!Number.isNaN(told)) return told > PATIENCE_MS ? undefined : told;
    return this.#chance.next() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
  }

  async #try(errand: Errand, uncertain: boolean): Promise<Answer | undefined> {
    const ended = this.#journal.timeline.begin(errand.service);
    let answer: Answer;
    try {
      answer = await this.#connection.send({
        ...errand,
        headers: { ...errand.headers, ...(errand.token ? { authorization: `Bearer ${errand.token}` } : {}) },
      });
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      ended('cut off', error.why);
      return undefined;
    }
    const verdict = this.#verdict(errand, answer, uncertain);
    ended(verdict, verdict === 'good' ? undefined : `${answer.status} ${reasonOf(answer)}`);
    return answer;
  }

  #verdict(errand: Errand, answer: Answer, uncertain: boolean): 'good' | 'waits' | 'error' {
    const { findings } = this.#journal;
    if (answer.status >= 400) {
      const fault = formatFault(answer);
      if (fault) findings.add('format', `${describe(errand, answer)}; ${fault}`);
    }
    if (errand.expects.includes(answer.status)) return 'good';
    if (answer.status === 409 && this.#mayComeAgain(answer)) return 'waits';
    if (answer.status >= 500 || answer.status === 429) return 'error';
    if (uncertain && errand.afterAll?.includes(answer.status)) return 'good';
    findings.add('wrong', describe(errand, answer));
    return 'error';
  }
}
