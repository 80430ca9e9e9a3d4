import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from './caller.ts';
import type { Findings } from './findings.ts';
import type { Ledger } from './ledger.ts';
import { Reader } from './read-back.ts';

/** What is set off by a write arrives within this time of the last fault, in ms: a worker that died holds a job for 30 s. */
export const DELIVERY_MS = 120_000;
const LOOK_MS = 500;

/** What was found out at the end of a run. */
export interface Closing {
  readonly findings: Findings;
  /** Until the last mail and note had arrived, in ms. */
  readonly deliveredMs: number;
  readonly people: number;
  readonly projects: number;
  readonly files: number;
  readonly writes: number;
}

/** Finds out what is missing and what is there twice. */
export class Auditor {
  readonly #ledger: Ledger;
  readonly #journal: Journal;
  readonly #reader: Reader;
  /** Ids of welcome mails by recipient: the platform keeps only the newest captured mails. */
  readonly #welcomes = new Map<string, Set<string>>();
  readonly #deliveryMs: number;

  constructor(url: string, ledger: Ledger, journal: Journal, deliveryMs = DELIVERY_MS) {
    this.#ledger = ledger;
    this.#journal = journal;
    this.#reader = new Reader(url, ledger, journal.findings);
    this.#deliveryMs = deliveryMs;
  }

  /** Looks at what was acknowledged since the last time, while the load goes on. */
  async recent(): Promise<Findings> {
    const { projects, files } = this.#ledger.recent();
    await this.#reader.projectLists([...new Set(projects.map(({ owner }) => owner))]);
    await this.#reader.files(files);
    await this.#readMails();
    return this.#journal.findings.take();
  }

  /** Looks at everything, once the load has ended, and waits for what is still under way. */
  async closing(): Promise<Closing> {
    const { people, projects, files, writes } = this.#ledger;
    await this.#reader.projects([...projects.values()]);
    await this.#reader.projectLists([...new Set([...projects.values()].map(({ owner }) => owner))]);
    await this.#reader.files([...files.values()]);
    const deliveredMs = await this.#deliveries();
    const findings = this.#journal.findings.take();
    return { findings, deliveredMs, people: people.size, projects: projects.size, files: files.size, writes };
  }

  async #deliveries(): Promise<number> {
    const from = Date.now();
    let waiting = [...this.#ledger.people.values()];
    for (;;) {
      const missing = [
        ...(await this.#reader.profiles(waiting)),
        ...(await this.#reader.inboxes(waiting)),
        ...(await this.#readMails()),
      ];
      if (missing.length === 0) return Date.now() - from;
      if (Date.now() - from > this.#deliveryMs) {
        for (const sentence of missing) this.#journal.findings.add('lost', sentence);
        return Date.now() - from;
      }
      waiting = waiting.filter(({ email }) => missing.some((sentence) => sentence.startsWith(email)));
      await sleep(LOOK_MS);
    }
  }

  /** @returns who was not sent a welcome yet */
  async #readMails(): Promise<string[]> {
    for (const { id, to, subject } of await this.#reader.mails()) {
      if (!/welcome/i.test(subject)) continue;
      const ids = this.#welcomes.get(to) ?? new Set();
      this.#welcomes.set(to, ids.add(id));
      if (ids.size > 1 && this.#isOurs(to))
        this.#journal.findings.add('doubled', `${to} was sent more than one welcome`);
    }
    return [...this.#ledger.people.keys()]
      .filter((email) => !this.#welcomes.has(email))
      .map((email) => `${email} was not sent a welcome`);
  }

  #isOurs(email: string): boolean {
    return this.#ledger.people.has(email) || this.#ledger.maybePeople.has(email);
  }
}
