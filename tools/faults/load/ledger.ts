/** Somebody whose registration was acknowledged. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  token: string;
  /** ms since the epoch. */
  signedInAt: number;
  /** Whether their profile was seen: it may follow the registration when the service that keeps it was away. */
  known: boolean;
  /** What they last said of themselves, and was acknowledged. */
  bio: string | null;
  /** What they may have said of themselves. */
  readonly maybeBios: Set<string>;
  /** Projects to which they were added, each of which they are told of once. */
  readonly memberOf: Set<string>;
  /** Projects to which they may have been added. */
  readonly maybeMemberOf: Set<string>;
}

export interface Project {
  readonly id: string;
  readonly owner: Person;
  /** Nobody else's: there is one project of this name or, if its creation was not acknowledged, none. */
  readonly name: string;
  etag: string;
  version: number;
  description: string | null;
  /** The description of a change of which nobody knows whether it was made. */
  pending: string | undefined;
}

export interface StoredFile {
  readonly id: string;
  readonly owner: Person;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly projectId: string | undefined;
}

/** What was acknowledged, and what may have been done. */
export class Ledger {
  readonly people = new Map<string, Person>();
  readonly projects = new Map<string, Project>();
  readonly files = new Map<string, StoredFile>();
  /** E-mail addresses of registrations of which nobody knows. */
  readonly maybePeople = new Set<string>();
  readonly #changedProjects = new Set<string>();
  readonly #newFiles = new Set<string>();

  person(person: Person): void {
    this.people.set(person.email, person);
    this.maybePeople.delete(person.email);
  }

  project(project: Project): void {
    this.projects.set(project.id, project);
    this.#changedProjects.add(project.id);
  }

  /** A change of this project was acknowledged. */
  changed(
    project: Project,
    to: { readonly etag: string; readonly version: number; readonly description: string },
  ): void {
    project.etag = to.etag;
    project.version = to.version;
    project.description = to.description;
    project.pending = undefined;
    this.#changedProjects.add(project.id);
  }

  file(file: StoredFile): void {
    this.files.set(file.id, file);
    this.#newFiles.add(file.id);
  }

  member(project: Project, person: Person): void {
    person.memberOf.add(project.id);
    person.maybeMemberOf.delete(project.id);
  }

  maybeMember(project: Project, person: Person): void {
    if (!person.memberOf.has(project.id)) person.maybeMemberOf.add(project.id);
  }

  /** What was acknowledged since the last call. */
  recent(): { readonly projects: Project[]; readonly files: StoredFile[] } {
    const projects = [...this.#changedProjects].map((id) => this.projects.get(id)).filter((one) => one !== undefined);
    const files = [...this.#newFiles].map((id) => this.files.get(id)).filter((one) => one !== undefined);
    this.#changedProjects.clear();
    this.#newFiles.clear();
    return { projects, files };
  }

  get writes(): number {
    const changes = [...this.projects.values()].reduce((sum, { version }) => sum + version, 0);
    const added = [...this.people.values()].reduce((sum, { memberOf }) => sum + memberOf.size, 0);
    return this.people.size + this.files.size + changes + added;
  }
}
