/** Reads back what was acknowledged, and holds it against the ledger. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nextCursorOf } from './answer-format.ts';
import type { Errand } from './caller.ts';
import { type Answer, Connection, NoAnswer } from './connection.ts';
import type { FindingsList } from './findings.ts';
import { doubledNames, judgeInbox, judgeProject } from './judge.ts';
import type { Ledger, Person, Project, StoredFile } from './ledger.ts';
import {
  bio,
  type Mail,
  mails,
  names,
  notes,
  project,
  projects,
  requests,
  type SeenNote,
  type SeenProject,
  sha256,
  signedIn,
} from './requests.ts';

/** So long what is asked may stay unanswered, in ms: whoever reads back waits until all is well again. */
const READ_MS = 60_000;
const PAUSE_MS = 100;
const READERS = 12;
/** A token is good for fifteen minutes. */
const TOKEN_MS = 10 * 60_000;

class Unreadable extends Error {}

type Ask = (errand: Errand, alsoFine: readonly number[]) => Promise<Answer>;

/** Reads, and asks again until it is answered. */
export class Reader {
  readonly #url: string;
  readonly #ledger: Ledger;
  readonly #findings: FindingsList;

  constructor(url: string, ledger: Ledger, findings: FindingsList) {
    this.#url = url;
    this.#ledger = ledger;
    this.#findings = findings;
  }

  /** Each of these projects by itself. */
  async projects(list: readonly Project[]): Promise<void> {
    await this.#each(list, async (one, ask) => {
      const { version } = one;
      const answer = await ask(requests.project(await this.#token(one.owner, ask), one.id), [404, 403]);
      if (answer.status !== 200)
        this.#findings.add('lost', `project ${one.name} was acknowledged and is answered with ${answer.status}`);
      else this.#judge(project(answer), version, one);
    });
  }

  /** All projects of these people, in their lists. */
  async projectLists(owners: readonly Person[]): Promise<void> {
    await this.#each(owners, async (owner, ask) => {
      const then = new Map(
        [...this.#ledger.projects.values()].filter((one) => one.owner === owner).map((one) => [one, one.version]),
      );
      const seen = new Map<string, SeenProject>();
      const found: string[] = [];
      await this.#pages(
        ask,
        async (cursor) => requests.projects(await this.#token(owner, ask), 100, cursor),
        (answer) => {
          for (const one of projects(answer)) {
            seen.set(one.id, one);
            found.push(one.name);
          }
        },
      );
      for (const [one, version] of then) {
        const there = seen.get(one.id);
        if (there) this.#judge(there, version, one);
        else this.#findings.add('lost', `project ${one.name} was acknowledged and is in no list`);
      }
      for (const name of doubledNames(found)) this.#findings.add('doubled', `project ${name} is there more than once`);
    });
  }

  /** @param then its version before it was read */
  #judge(seen: SeenProject, then: number, one: Project): void {
    const verdict = judgeProject(seen, { version: then }, one);
    if (verdict) this.#findings.add(verdict.kind, verdict.sentence);
  }

  /** Each of these files by itself, and the lists in which they are. */
  async files(list: readonly StoredFile[]): Promise<void> {
    await this.#each(list, async (one, ask) => {
      const answer = await ask(requests.content(await this.#token(one.owner, ask), one.id), [404, 403, 410]);
      if (answer.status !== 200)
        this.#findings.add('lost', `file ${one.name} was acknowledged and is answered with ${answer.status}`);
      else if (sha256(answer.body) !== one.sha256)
        this.#findings.add('lost', `file ${one.name} was acknowledged with other bytes than are there`);
    });
    const places = new Map(list.map((one) => [`${one.owner.id} ${one.projectId}`, one]));
    await this.#each([...places.values()], async ({ owner, projectId }, ask) => {
      const there = [...this.#ledger.files.values()].filter(
        (one) => one.owner === owner && one.projectId === projectId,
      );
      const names = await this.#names(ask, async (cursor) =>
        requests.files(await this.#token(owner, ask), projectId, cursor),
      );
      for (const { name } of there)
        if (!names.includes(name)) this.#findings.add('lost', `file ${name} was acknowledged and is in no list`);
      for (const name of doubledNames(names)) this.#findings.add('doubled', `file ${name} is there more than once`);
    });
  }

  /** @returns what has not arrived in these inboxes yet; what arrived twice is a finding */
  async inboxes(people: readonly Person[]): Promise<string[]> {
    const missing: string[] = [];
    await this.#each(people, async (person, ask) => {
      const seen: SeenNote[] = [];
      await this.#pages(
        ask,
        async (cursor) => requests.notes(await this.#token(person, ask), cursor),
        (answer) => seen.push(...notes(answer)),
      );
      const verdict = judgeInbox(person, seen);
      missing.push(...verdict.missing);
      for (const sentence of verdict.doubled) this.#findings.add('doubled', sentence);
    });
    return missing;
  }

  /** @returns those whose profile is not there */
  async profiles(people: readonly Person[]): Promise<string[]> {
    const missing: string[] = [];
    await this.#each(people, async (person, ask) => {
      const answer = await ask(requests.me(await this.#token(person, ask)), [404]);
      if (answer.status !== 200) missing.push(`${person.email} is registered and has no profile`);
      else if (bio(answer) !== person.bio && !person.maybeBios.has(bio(answer) ?? ''))
        this.#findings.add('lost', `${person.email} has "${bio(answer)}" where "${person.bio}" was acknowledged`);
    });
    return missing;
  }

  /** The newest captured mails. */
  async mails(): Promise<Mail[]> {
    const found: Mail[] = [];
    await this.#each([requests.mails()], async (errand, ask) => {
      found.push(...mails(await ask(errand, [])));
    });
    return found;
  }

  async #token(person: Person, ask: Ask): Promise<string> {
    if (Date.now() - person.signedInAt > TOKEN_MS) {
      person.token = signedIn(await ask(requests.signIn(person), [])).token;
      person.signedInAt = Date.now();
    }
    return person.token;
  }

  async #names(ask: Ask, page: (cursor?: string) => Promise<Errand>): Promise<string[]> {
    const found: string[] = [];
    await this.#pages(ask, page, (answer) => found.push(...names(answer)));
    return found;
  }

  async #pages(ask: Ask, page: (cursor?: string) => Promise<Errand>, take: (answer: Answer) => void): Promise<void> {
    let cursor: string | undefined;
    do {
      const answer = await ask(await page(cursor), []);
      take(answer);
      cursor = nextCursorOf(answer);
    } while (cursor !== undefined);
  }

  async #each<T>(list: readonly T[], read: (one: T, ask: Ask) => Promise<void>): Promise<void> {
    const rest = [...list];
    const work = async (): Promise<void> => {
      const connection = new Connection(this.#url);
      const ask: Ask = (errand, alsoFine) => this.#ask(connection, errand, alsoFine);
      for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
        await read(one, ask).catch((error: unknown) => this.#unreadable(error));
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: Math.min(READERS, list.length) }, work));
  }

  #unreadable(error: unknown): void {
    if (!(error instanceof Unreadable)) throw error;
    this.#findings.add('lost', error.message);
  }

  /** @throws Unreadable when there is no right answer for a minute */
  async #ask(connection: Connection, errand: Errand, alsoFine: readonly number[]): Promise<Answer> {
    const deadline = Date.now() + READ_MS;
    const headers = { ...errand.headers, ...(errand.token ? { authorization: `Bearer ${errand.token}` } : {}) };
    for (;;) {
      let why: string;
      try {
        const answer = await connection.send({ ...errand, headers });
        if (errand.expects.includes(answer.status) || alsoFine.includes(answer.status)) return answer;
        why = `${answer.status} ${answer.body.toString('utf8').slice(0, 200)}`;
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        why = error.message;
      }
      if (Date.now() > deadline) throw new Unreadable(`${errand.method} ${errand.path} cannot be read back: ${why}`);
      await sleep(PAUSE_MS);
    }
  }
}
