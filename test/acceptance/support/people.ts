import { randomAddress, randomEmail, randomPassword, randomWord } from './chance.js';
import { Client } from './client.js';
import { environment } from './environment.js';
import type { Project, SignedIn, Tokens } from './resources.js';

/** A signed-in person. Only their tokens change. */
export class Person extends Client {
  constructor(
    readonly id: string,
    readonly email: string,
    readonly password: string,
    readonly name: string,
    readonly tokens: Tokens,
    address: string,
  ) {
    super(tokens.access_token, address);
  }

  /** The same person with the tokens of another session, or of the same one refreshed. */
  holding(tokens: Tokens): Person {
    return new Person(this.id, this.email, this.password, this.name, tokens, this.address);
  }

  /** A further session, from another address. */
  async signInAgain(): Promise<Person> {
    const reply = await signIn(this.email, this.password);
    return this.holding(reply.tokens);
  }

  async refreshed(): Promise<Person> {
    const reply = await new Client(undefined, this.address).post('/api/v1/auth/refresh', {
      refresh_token: this.tokens.refresh_token,
    });
    return this.holding(reply.is(200).data<{ tokens: Tokens }>().tokens);
  }
}

/** Registers somebody new, from an address of their own. */
export async function register(name = `Test ${randomWord()}`): Promise<Person> {
  const client = new Client();
  const [email, password] = [randomEmail(), randomPassword()];
  const reply = await client.post('/api/v1/auth/register', { email, password, name });
  const { user, tokens } = reply.is(201).data<SignedIn>();
  return new Person(user.id, email, password, name, tokens, client.address);
}

/** So many people at once. */
export function registerMany(count: number): Promise<Person[]> {
  return Promise.all(Array.from({ length: count }, () => register()));
}

export async function signIn(email: string, password: string): Promise<SignedIn> {
  const reply = await new Client().post('/api/v1/auth/login', { email, password });
  return reply.is(200).data<SignedIn>();
}

let admin: Promise<Person> | undefined;

/** The administrator of the server under test, signed in once per spec file. */
export function administrator(): Promise<Person> {
  admin ??= signIn(environment.adminEmail, environment.adminPassword).then(
    ({ user, tokens }) =>
      new Person(user.id, user.email, environment.adminPassword, user.name, tokens, randomAddress()),
  );
  return admin;
}

/** A new administrator, who has used nothing of what administrators may use up. */
export async function newAdministrator(): Promise<Person> {
  const person = await register();
  const chief = await administrator();
  (await chief.put(`/api/v1/auth/users/${person.id}/role`, { role: 'admin' })).is(200);
  return person.signInAgain();
}

/** A project of this person's, with whatever else it is to have. */
export async function createProject(owner: Client, fields: Record<string, unknown> = {}): Promise<Project> {
  const reply = await owner.post('/api/v1/projects', { name: `Project ${randomWord()}`, ...fields });
  return reply.is(201).data<Project>();
}

/** Gives somebody a role in a project. */
export async function addMember(owner: Client, projectId: string, userId: string, role: string): Promise<void> {
  (await owner.put(`/api/v1/projects/${projectId}/members/${userId}`, { role })).is(200, 201);
}
