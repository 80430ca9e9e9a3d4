import { Caller, type Journal } from './caller.ts';
import type { Chance } from './chance.ts';
import type { Ledger, Person, Project, StoredFile } from './ledger.ts';
import { file, files, project, projects, requests, sha256, signedIn } from './requests.ts';

/** What a run shares among its visitors. */
export interface Place {
  readonly url: string;
  readonly journal: Journal;
  readonly ledger: Ledger;
  /** Begins all names, so that two runs on one database do not meet. */
  readonly prefix: string;
  readonly stopping: AbortSignal;
}

/** How often each thing is done, of a hundred. */
const HABITS = [
  ['signUp', 2],
  ['signIn', 6],
  ['readSelf', 4],
  ['changeSelf', 6],
  ['createProject', 10],
  ['changeProject', 12],
  ['readProject', 18],
  ['listProjects', 6],
  ['addMember', 4],
  ['upload', 8],
  ['readFile', 10],
  ['listFiles', 4],
  ['readNotes', 4],
  ['markRead', 6],
] as const;
type Habit = (typeof HABITS)[number][0];

const HUNDRED = HABITS.flatMap(([habit, share]) => Array<Habit>(share).fill(habit));
const MOST_BYTES = 24 * 1024;

/** One person at work, one thing after the other; whatever is acknowledged goes into the ledger. */
export class Visitor {
  readonly #place: Place;
  readonly #chance: Chance;
  readonly #caller: Caller;
  /** For what is done at the same time as something else. */
  readonly #beside: Caller;
  readonly #name: string;
  readonly #own: Project[] = [];
  readonly #files: StoredFile[] = [];
  #person: Person | undefined;
  #count = 0;

  /** @param name tells this visitor from all others of the run */
  constructor(place: Place, name: string, chance: Chance) {
    this.#place = place;
    this.#name = name;
    this.#chance = chance;
    this.#caller = new Caller(place.url, place.journal, chance, place.stopping);
    this.#beside = new Caller(place.url, place.journal, chance, place.stopping);
  }

  /** Signs up. @throws Error when that cannot be done */
  async arrive(): Promise<void> {
    this.#person = await this.#register();
    if (!this.#person) throw new Error('Nobody could be registered');
  }

  /** Does one thing. */
  async act(): Promise<void> {
    const habit = this.#chance.pick(HUNDRED);
    if (habit) await this[habit](this.#me);
  }

  leave(): void {
    this.#caller.close();
    this.#beside.close();
  }

  get #me(): Person {
    if (!this.#person) throw new Error('This visitor has not arrived');
    return this.#person;
  }

  #next(what: string): string {
    this.#count += 1;
    return `${this.#place.prefix}-${what}-${this.#name}-${this.#count}`;
  }

  async #register(): Promise<Person | undefined> {
    const { ledger } = this.#place;
    const credentials = { email: `${this.#next('p')}@example.test`, password: 'a pass phrase for everybody' };
    ledger.maybePeople.add(credentials.email);
    let { answer, uncertain } = await this.#caller.call(requests.register(credentials));
    // The address is taken, and nobody else asks for it: an earlier try was served.
    if (answer?.status === 409 && uncertain) answer = (await this.#caller.call(requests.signIn(credentials))).answer;
    if (!answer || ![200, 201].includes(answer.status)) return undefined;
    const person: Person = {
      ...credentials,
      ...signedIn(answer),
      signedInAt: Date.now(),
      known: false,
      bio: null,
      maybeBios: new Set(),
      memberOf: new Set(),
      maybeMemberOf: new Set(),
    };
    ledger.person(person);
    person.known = (await this.#caller.call(requests.me(person.token, true))).answer?.status === 200;
    return person;
  }

  async signUp(): Promise<void> {
    await this.#register();
  }

  async signIn(person: Person): Promise<void> {
    const { answer } = await this.#caller.call(requests.signIn(person));
    if (answer?.status !== 200) return;
    person.token = signedIn(answer).token;
    person.signedInAt = Date.now();
  }

  async readSelf({ token }: Person): Promise<void> {
    await this.#caller.call(requests.me(token));
  }

  async changeSelf(person: Person): Promise<void> {
    const text = this.#next('bio');
    // For good, if nobody knows: a try that was held up may still be served after one of later.
    person.maybeBios.add(text);
    const { answer, uncertain } = await this.#caller.call(requests.changeMe(person.token, text, text));
    if (answer?.status !== 200) return;
    person.bio = text;
    if (!uncertain) person.maybeBios.delete(text);
  }

  async createProject(owner: Person): Promise<void> {
    const name = this.#next('project');
    const { answer } = await this.#caller.call(requests.createProject(owner.token, name, name));
    if (answer?.status !== 201) return;
    const { id, version, etag, description } = project(answer);
    const made: Project = { id, owner, name, version, etag, description, pending: undefined };
    this.#own.push(made);
    this.#place.ledger.project(made);
  }

  async changeProject(owner: Person): Promise<void> {
    const mine = this.#chance.pick(this.#own.filter(({ pending }) => pending === undefined));
    if (!mine) return;
    const description = this.#next('text');
    mine.pending = description;
    // What a read finds that overlaps the change must not be what a later one is given.
    const overlapping =
      this.#chance.next() < 0.5 ? this.#beside.call(requests.project(owner.token, mine.id)) : undefined;
    const { answer, uncertain } = await this.#caller.call(requests.changeProject(owner.token, mine, description));
    if (answer?.status === 200) this.#place.ledger.changed(mine, { ...project(answer), description });
    else if (answer || uncertain) await this.#settle(mine);
    else mine.pending = undefined;
    if (!overlapping) return;
    await overlapping;
    await this.#readBack(mine);
  }

  /** Looks whether the change of which nobody knows was made. */
  async #settle(mine: Project): Promise<void> {
    const { answer } = await this.#caller.call(requests.project(mine.owner.token, mine.id));
    if (answer?.status !== 200) return;
    const seen = project(answer);
    const { pending } = mine;
    if (pending !== undefined && seen.description === pending && seen.version === mine.version + 1)
      this.#place.ledger.changed(mine, { ...seen, description: pending });
  }

  async readProject(): Promise<void> {
    const mine = this.#chance.pick(this.#own);
    if (mine) await this.#readBack(mine);
  }

  async #readBack(mine: Project): Promise<void> {
    if (mine.pending !== undefined) return this.#settle(mine);
    const { version, description } = mine;
    const { answer } = await this.#caller.call(requests.project(mine.owner.token, mine.id));
    if (answer?.status !== 200) return;
    const seen = project(answer);
    if (seen.version === version && seen.description === description) return;
    this.#place.journal.findings.add(
      'stale',
      `project ${mine.name} was read as version ${seen.version} (${seen.description}) after version ${version} (${description}) had been acknowledged; Cache-Status: ${answer.headers['cache-status']}`,
    );
  }

  async listProjects(reader: Person): Promise<void> {
    const newest = this.#own.at(-1);
    const { answer } = await this.#caller.call(requests.projects(reader.token, 20));
    if (answer?.status !== 200 || !newest || projects(answer).some(({ id }) => id === newest.id)) return;
    this.#place.journal.findings.add('stale', `project ${newest.name} was acknowledged and is not in its owner's list`);
  }

  async addMember(owner: Person): Promise<void> {
    const mine = this.#chance.pick(this.#own);
    const { ledger } = this.#place;
    const member = this.#chance.pick([...ledger.people.values()].filter(({ known }) => known));
    if (!mine || !member || member === owner || member.memberOf.has(mine.id)) return;
    ledger.maybeMember(mine, member);
    const { answer } = await this.#caller.call(requests.addMember(owner.token, mine.id, member.id));
    if (answer && [200, 201].includes(answer.status)) ledger.member(mine, member);
  }

  async upload(owner: Person): Promise<void> {
    const key = this.#next('file');
    const content = this.#chance.bytes(1 + this.#chance.below(MOST_BYTES));
    const home = this.#chance.next() < 0.5 ? this.#own[0]?.id : undefined;
    const upload = { name: `${key}.bin`, content, projectId: home };
    const { answer } = await this.#caller.call(requests.upload(owner.token, key, upload));
    if (answer?.status !== 201) return;
    const seen = file(answer);
    const stored: StoredFile = {
      id: seen.id,
      owner,
      name: upload.name,
      size: content.length,
      sha256: sha256(content),
      projectId: home,
    };
    if (seen.sha256 !== stored.sha256)
      this.#place.journal.findings.add('wrong', `file ${key} was acknowledged with another digest than it has`);
    this.#files.push(stored);
    this.#place.ledger.file(stored);
  }

  async readFile(reader: Person): Promise<void> {
    const stored = this.#chance.pick(this.#files);
    if (!stored) return;
    const { answer } = await this.#caller.call(requests.content(reader.token, stored.id));
    if (answer?.status === 200 && sha256(answer.body) !== stored.sha256)
      this.#place.journal.findings.add('wrong', `file ${stored.name} was read with other bytes than it has`);
  }

  async listFiles(reader: Person): Promise<void> {
    const { answer } = await this.#caller.call(requests.files(reader.token, undefined));
    const newest = this.#files.findLast(({ projectId }) => projectId === undefined);
    if (answer?.status !== 200 || !newest || files(answer).some(({ id }) => id === newest.id)) return;
    this.#place.journal.findings.add('stale', `file ${newest.name} was acknowledged and is not in its owner's list`);
  }

  async readNotes({ token }: Person): Promise<void> {
    await this.#caller.call(requests.notes(token));
  }

  async markRead({ token }: Person): Promise<void> {
    await this.#caller.call(requests.readAll(token, this.#next('read')));
  }
}
