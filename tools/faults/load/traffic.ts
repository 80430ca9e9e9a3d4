import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from './caller.ts';
import { Chance } from './chance.ts';
import { FindingsList } from './findings.ts';
import { Ledger } from './ledger.ts';
import { Timeline } from './timeline.ts';
import { type Place, Visitor } from './visitor.ts';

export interface LoadPlan {
  /** `http://host:port` of the platform. */
  readonly url: string;
  /** Clients, each with one connection. */
  readonly clients: number;
  /** What they do together, in requests per second, while all is well. */
  readonly rate: number;
  readonly seed: number;
}

/** Below this share of its rate, what a load does says nothing about what is served. */
const LEAST_SHARE = 1 / 3;

/** Many visitors at work at the same time, steadily. */
export class Traffic {
  readonly ledger = new Ledger();
  readonly journal: Journal;
  readonly prefix: string;
  readonly #plan: LoadPlan;
  readonly #stopping = new AbortController();
  readonly #visitors: Visitor[];
  #done: Promise<unknown> = Promise.resolve();

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.prefix = `f${plan.seed.toString(36)}`;
    this.journal = { timeline: new Timeline(plan.rate * LEAST_SHARE), findings: new FindingsList() };
    const place: Place = {
      url: plan.url,
      journal: this.journal,
      ledger: this.ledger,
      prefix: this.prefix,
      stopping: this.#stopping.signal,
    };
    this.#visitors = Array.from(
      { length: plan.clients },
      (_, i) => new Visitor(place, String(i), new Chance(plan.seed * 1_000 + i)),
    );
  }

  /** Everybody signs up, and goes to work. */
  async start(): Promise<void> {
    await Promise.all(this.#visitors.map((visitor) => visitor.arrive()));
    this.#done = Promise.all(this.#visitors.map((visitor, i) => this.#work(visitor, i)));
    // Whoever waits for the end learns of it.
    this.#done.catch(() => undefined);
  }

  async #work(visitor: Visitor, i: number): Promise<void> {
    const { clients, rate, seed } = this.#plan;
    const everyMs = (clients / rate) * 1_000;
    const chance = new Chance(seed + i);
    const signal = this.#stopping.signal;
    let due = Date.now() + chance.next() * everyMs;
    while (!signal.aborted) {
      await sleep(Math.max(0, due - Date.now()), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      await visitor.act();
      // What was missed while nobody answered is not made up for.
      due = Math.max(due, Date.now() - everyMs) + everyMs * (0.5 + chance.next());
    }
    visitor.leave();
  }

  /** Lets everybody finish what they are at. @throws whatever went wrong with the load itself */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }
}
