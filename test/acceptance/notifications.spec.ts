import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { TIMESTAMP, UUID_V7 } from './support/answer-rules.js';
import { times } from './support/chance.js';
import { anyone, type Client } from './support/client.js';
import { EventStream, type StreamEvent } from './support/event-stream.js';
import { askLocally, mailsTo, mailTo } from './support/mailbox.js';
import { addMember, createProject, type Person, register } from './support/people.js';
import type { Notification } from './support/resources.js';
import { AT_ONCE_MS, eventually } from './support/waiting.js';

const inbox = '/api/v1/notifications';
const stream = `${inbox}/stream`;
/** From the change to what it sets off. */
const DELIVERY_MS = 5000;

const notes = async (client: Client, query = '') =>
  (await client.get(`${inbox}${query}`)).is(200).data<Notification[]>();
const unread = async (client: Client) =>
  (await client.get(`${inbox}/unread-count`)).is(200).data<{ count: number }>().count;
const about = (projectId: string) => (note: Notification) => note.data.project_id === projectId;
const aboutEvent = (projectId: string) => (event: StreamEvent) => event.data.includes(projectId);

function noteAbout(client: Client, projectId: string): Promise<Notification> {
  return eventually(
    () => notes(client),
    (list) => list.some(about(projectId)),
    { withinMs: DELIVERY_MS, what: 'the note' },
  ).then((list) => list.find(about(projectId)) as Notification);
}

/** Adds somebody to a new project of this name. @returns its id */
async function invite(owner: Client, person: Person, name = 'Apollo'): Promise<string> {
  const { id } = await createProject(owner, { name });
  await addMember(owner, id, person.id, 'editor');
  return id;
}

describe('the welcome mail', () => {
  test('comes once', async () => {
    const ada = await register('Ada Lovelace');
    const mail = await mailTo(ada.email, /welcome/i);
    expect(mail.subject).not.toMatch(/[\r\n]/);
    expect(JSON.stringify(mail)).not.toContain(ada.password);
    // Something that was set off later has come: a second welcome would have, too.
    const bob = await register();
    const id = await invite(bob, ada);
    await noteAbout(ada, id);
    await mailTo(bob.email, /welcome/i);
    expect((await mailsTo(ada.email)).filter(({ subject }) => /welcome/i.test(subject))).toHaveLength(1);
  });

  test('is not sent for a registration that failed', async () => {
    const ada = await register();
    await mailTo(ada.email, /welcome/i);
    const again = { email: ada.email, password: 'another-good-one-5', name: 'Eve' };
    (await anyone().post('/api/v1/auth/register', again)).fails(409, 'email_taken');
    const bob = await register();
    await mailTo(bob.email, /welcome/i);
    expect(await mailsTo(ada.email)).toHaveLength(1);
  });

  test('is made of text, not of what a name says', async () => {
    const ada = await register('<img src=x onerror=alert(1)> https://evil.example');
    const mail = (await mailTo(ada.email, /welcome/i)) as unknown as { html?: string };
    expect(mail.html ?? '').not.toContain('<img src=x');
  });
});

describe('captured mail', () => {
  test('is shown on this machine alone', async () => {
    (await askLocally('/dev/mail/messages')).is(200);
    const page = (await askLocally('/dev/mail')).is(200);
    expect(page.required('content-type')).toMatch(/^text\/html\b/);
    for (const path of ['/dev/mail', '/dev/mail/messages']) {
      (await anyone().get(path)).is(404);
      (await askLocally(path, { 'x-forwarded-for': '127.0.0.1' })).is(404);
      (await askLocally(path, { forwarded: 'for=127.0.0.1' })).is(404);
    }
  });
});

describe('the inbox', () => {
  test('holds a note when one is added to a project', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const id = await invite(ada, bob, 'Apollo “11” <b>');
    const note = await noteAbout(bob, id);
    expect(note.id).toMatch(UUID_V7);
    expect(note.created_at).toMatch(TIMESTAMP);
    expect(note).toMatchObject({ read_at: null, category: expect.any(String), data: { project_id: id } });
    expect(`${note.title} ${note.body}`).toContain('Apollo “11”');
    expect(await notes(ada)).not.toContainEqual(
      expect.objectContaining({ data: expect.objectContaining({ project_id: id }) }),
    );
  });

  test('holds it once', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const first = await invite(ada, bob);
    const second = await invite(ada, bob);
    await noteAbout(bob, second);
    const list = await notes(bob);
    expect(list.filter(about(first))).toHaveLength(1);
    expect(list.filter(about(second))).toHaveLength(1);
  });

  test('holds none about what one does oneself, or what fails', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    (await bob.put(`/api/v1/projects/${id}/members/${bob.id}`, { role: 'owner' })).is(404);
    const later = await invite(ada, bob);
    await noteAbout(bob, later);
    expect((await notes(bob)).filter(about(id))).toEqual([]);
    expect((await notes(ada)).filter(about(id))).toEqual([]);
  });

  /** What is not read: the count and the list, once they agree. */
  const settled = (person: Person) =>
    eventually(
      async () => ({ count: await unread(person), reply: await person.get(`${inbox}?unread=true&limit=100`) }),
      ({ count, reply }) => count === reply.is(200).page.total,
      { withinMs: AT_ONCE_MS, what: 'the count and the list of what is not read agreed' },
    ).then(({ reply }) => reply.data<Notification[]>());

  test('counts what is not read, and marks it', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const ids = [await invite(ada, bob), await invite(ada, bob), await invite(ada, bob)];
    for (const id of ids) await noteAbout(bob, id);
    const isOneOf = (note: Notification) => ids.some((id) => about(id)(note));
    expect((await settled(bob)).filter(isOneOf)).toHaveLength(3);
    const note = await noteAbout(bob, ids[0] as string);
    const read = (await bob.post(`${inbox}/${note.id}/read`)).is(200).data<Notification>();
    expect(read.read_at).toMatch(TIMESTAMP);
    expect((await bob.post(`${inbox}/${note.id}/read`)).is(200).data<Notification>().read_at).toBe(read.read_at);
    expect((await settled(bob)).filter(isOneOf)).toHaveLength(2);
    expect((await settled(bob)).some(({ id }) => id === note.id)).toBe(false);
    expect(await notes(bob, '?unread=false')).toEqual([read]);
    (await bob.post(`${inbox}/read-all`)).is(200);
    expect(await notes(bob, '?unread=true')).toEqual([]);
    expect(await unread(bob)).toBe(0);
  });

  test('is read by many clicks at once as by one', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const note = await noteAbout(bob, await invite(ada, bob));
    const replies = await Promise.all(times(10).map(() => bob.post(`${inbox}/${note.id}/read`)));
    expect(new Set(replies.map((reply) => reply.is(200).data<Notification>().read_at)).size).toBe(1);
  });

  test('is one’s own', async () => {
    const [ada, bob, eve] = await Promise.all([register(), register(), register()]);
    const note = await noteAbout(bob, await invite(ada, bob));
    (await eve.post(`${inbox}/${note.id}/read`)).fails(404, 'notification_not_found');
    (await bob.post(`${inbox}/${randomUUID()}/read`)).fails(404, 'notification_not_found');
    (await eve.post(`${inbox}/read-all`)).is(200);
    expect(await unread(bob)).toBeGreaterThan(0);
    (await anyone().get(inbox)).is(401);
    (await anyone().get(`${inbox}/unread-count`)).is(401);
  });

  test('is filtered by category', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const note = await noteAbout(bob, await invite(ada, bob));
    expect(await notes(bob, `?category=${note.category}`)).toContainEqual(note);
    expect(await notes(bob, '?category=nothing_of_the_kind')).toEqual([]);
    (await bob.get(`${inbox}?unread=maybe`)).is(400);
  });
});

describe('the stream', () => {
  const open: EventStream[] = [];
  const listen = async (client: Client, headers?: Record<string, string>): Promise<EventStream> => {
    const opened = await EventStream.open(client, stream, headers);
    open.push(opened);
    return opened;
  };

  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  test('tells what happens, as it happens', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const live = await listen(bob);
    expect(live.reply.required('content-type')).toMatch(/^text\/event-stream\b/);
    expect(live.reply.required('cache-control')).toMatch(/no-store|no-cache/);
    const id = await invite(ada, bob, 'Live');
    const event = await live.event(aboutEvent(id), 'the note', DELIVERY_MS);
    const note = JSON.parse(event.data) as Notification;
    expect(note).toMatchObject({ data: { project_id: id }, read_at: null });
    expect(event.id).toBe(note.id);
    expect(await notes(bob)).toContainEqual(note);
    expect(live.events.filter(aboutEvent(id))).toHaveLength(1);
  });

  test('goes on where one left off', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const first = await listen(bob);
    const seen = await first.event(aboutEvent(await invite(ada, bob, 'Seen')), 'the first note');
    first.close();
    const missed = [await invite(ada, bob, 'Missed 1'), await invite(ada, bob, 'Missed 2')];
    for (const id of missed) await noteAbout(bob, id);
    const second = await listen(bob, { 'last-event-id': seen.id as string });
    for (const id of missed) await second.event(aboutEvent(id), 'a missed note');
    const live = await invite(ada, bob, 'Live');
    await second.event(aboutEvent(live), 'a live note');
    // The note of welcome belongs to another event, and may come at any time.
    const about = second.events.map(({ data }) => (JSON.parse(data) as Notification).data.project_id);
    expect(about.filter((id) => id !== undefined)).toEqual([...missed, live]);
  });

  test('is one’s own', async () => {
    const [ada, bob, eve] = await Promise.all([register(), register(), register()]);
    const hers = await listen(eve);
    const id = await invite(ada, bob);
    const mine = await invite(ada, eve);
    await hers.event(aboutEvent(mine), 'her own note');
    await noteAbout(bob, id);
    expect(hers.events.some(aboutEvent(id))).toBe(false);
    (await anyone().get(stream)).is(401);
    (await eve.get(stream, { headers: { 'last-event-id': 'nonsense' } })).is(400);
  });

  test('reaches every open window', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const windows = [await listen(bob), await listen(await bob.signInAgain())];
    const id = await invite(ada, bob);
    for (const window of windows) await window.event(aboutEvent(id), 'the note in each window');
  });

  test('ends with the session', async () => {
    const bob = await register();
    const live = await listen(bob);
    (await bob.post('/api/v1/auth/logout')).is(204);
    await live.closedByServer(AT_ONCE_MS + 1000);
  });
});
