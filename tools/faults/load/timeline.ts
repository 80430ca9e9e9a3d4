export const SERVICES = ['auth', 'user', 'project', 'file', 'notification'] as const;
export type Service = (typeof SERVICES)[number];

/** How one try of a request went; `waits`: it is to come again, because an earlier try of it is still being served. */
export type Verdict = 'good' | 'late' | 'waits' | 'error' | 'cut off';
const BAD: readonly (Verdict | undefined)[] = ['late', 'error', 'cut off'];

interface Attempt {
  /** When it was sent, in ms since the epoch. */
  readonly at: number;
  readonly service: Service;
  verdict: Verdict | undefined;
  what: string | undefined;
}

/** What happened in a span of time. */
export interface Span {
  readonly requests: number;
  /** Answered with an error. */
  readonly errors: number;
  /** Served, but so late that nobody would call it recovered. */
  readonly late: number;
  /** Told to come again, because an earlier try is still being served. */
  readonly waits: number;
  /** Not answered: their connection broke, or ten seconds went by. */
  readonly cutOff: number;
  /** How often each thing went wrong: `project 503 unavailable`. */
  readonly what: Readonly<Record<string, number>>;
}

/** After so long (ms) an answer is late. */
export const LATE_MS = 2_000;
const SECOND_MS = 1_000;
const STEP_MS = 50;

/** Every try of every request, in the order in which they were sent. */
export class Timeline {
  readonly #attempts: Attempt[] = [];
  readonly #enough: number;
  readonly #now: () => number;

  /** @param enough requests without which a second proves nothing */
  constructor(enough: number, now: () => number = Date.now) {
    this.#enough = enough;
    this.#now = now;
  }

  /** A request is sent. @returns what to call with how it went */
  begin(service: Service): (verdict: Exclude<Verdict, 'late'>, what?: string) => void {
    const attempt: Attempt = { at: this.#now(), service, verdict: undefined, what: undefined };
    this.#attempts.push(attempt);
    return (verdict, what) => {
      const isLate = verdict === 'good' && this.#now() - attempt.at > LATE_MS;
      attempt.verdict = isLate ? 'late' : verdict;
      attempt.what = isLate ? 'late' : what;
    };
  }

  /** What was sent from `from` up to and without `to` (ms since the epoch). */
  span(from: number, to: number): Span {
    const sent = this.#sent(from, to);
    const count = (wanted: Verdict): number => sent.filter(({ verdict }) => verdict === wanted).length;
    const what: Record<string, number> = {};
    for (const attempt of sent) {
      if (attempt.what === undefined) continue;
      const name = `${attempt.service} ${attempt.what}`;
      what[name] = (what[name] ?? 0) + 1;
    }
    const [errors, late, waits, cutOff] = [count('error'), count('late'), count('waits'), count('cut off')];
    return { requests: sent.length, errors, late, waits, cutOff, what };
  }

  /**
   * The beginning of the first second after `from` in which every service was asked and no request failed.
   * @returns ms since the epoch; undefined while there is none, or while an answer is still due
   */
  recoveredAt(from: number): number | undefined {
    const now = this.#now();
    let start = from;
    while (start + SECOND_MS <= now) {
      const sent = this.#sent(start, start + SECOND_MS);
      const lastBad = sent.findLast(({ verdict }) => BAD.includes(verdict));
      if (lastBad) {
        start = lastBad.at + 1;
        continue;
      }
      if (sent.some(({ verdict }) => verdict === undefined)) return undefined;
      const served = sent.filter(({ verdict }) => verdict === 'good');
      const by = new Set(served.map(({ service }) => service));
      if (served.length >= this.#enough && by.size === SERVICES.length) return start;
      start += STEP_MS;
    }
    return undefined;
  }

  #sent(from: number, to: number): Attempt[] {
    const later = this.#attempts.slice(this.#attempts.findLastIndex(({ at }) => at < from) + 1);
    const past = later.findIndex(({ at }) => at >= to);
    return past === -1 ? later : later.slice(0, past);
  }
}
