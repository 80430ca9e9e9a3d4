import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp } from '@nexus/testing';
import { notificationService } from '../index.js';
import { notificationSchema } from './inbox.schemas.js';
import { InboxService } from './inbox.service.js';

const PATH = '/api/v1/notifications';

describe('the inbox over HTTP', () => {
  let app: TestApp;
  let inbox: InboxService;
  let userId: string;
  let token: string;

  beforeAll(async () => {
    app = await startTestApp({ services: [notificationService] });
    inbox = app.running.app.nest.get(InboxService, { strict: false });
  });

  beforeEach(() => {
    userId = uuidv7();
    token = app.token({ sub: userId });
  });

  afterAll(() => app.stop());

  const db = () => app.running.app.databases.get('notification');
  const add = (title: string, category = 'project', to = userId) =>
    db().transaction((tx) => inbox.add(tx, { userId: to, category, title, body: 'Body', data: { project_id: 'p' } }));
  const get = (path: string, headers = {}) => app.call('GET', `${PATH}${path}`, { token, headers });
  const post = (path: string, headers = {}) => app.call('POST', `${PATH}${path}`, { token, headers });
  const titles = (body: { data: { title: string }[] }) => body.data.map(({ title }) => title);

  it('shows what came, newest first, as the contract has it', async () => {
    await add('first', 'account');
    await add('second');
    const { status, body } = await get('');
    expect(status).toBe(200);
    expect(titles(body)).toEqual(['second', 'first']);
    expect(body.page).toEqual({ limit: 20, next_cursor: null, total: 2 });
    for (const item of body.data) expect(notificationSchema.strict().parse(item)).toEqual(item);
    expect(body.data[0]).toMatchObject({ category: 'project', read_at: null, version: 1, data: { project_id: 'p' } });
  });

  it('filters, and ties the cursor to the filter', async () => {
    for (let i = 0; i < 5; i++) await add(`p${i}`);
    await add('a', 'account');
    const page = await get('?category=project&limit=3');
    expect(titles(page.body)).toEqual(['p4', 'p3', 'p2']);
    expect(page.body.page.total).toBe(5);
    const { next_cursor: cursor } = page.body.page;
    const rest = await get(`?category=project&limit=3&cursor=${cursor}`);
    expect(titles(rest.body)).toEqual(['p1', 'p0']);
    expect(rest.body.page).toEqual({ limit: 3, next_cursor: null, total: 5 });
    expect((await get(`?category=account&limit=3&cursor=${cursor}`)).body.details[0].code).toBe('invalid_cursor');
    expect((await get('?category=nothing')).body).toMatchObject({ data: [], page: { total: 0, next_cursor: null } });
    await post(`/${page.body.data[0].id}/read`);
    expect(titles((await get('?unread=false')).body)).toEqual(['p4']);
    expect((await get('?unread=true')).body.page.total).toBe(5);
  });

  it('refuses what it does not know', async () => {
    const faults = {
      '?unread=maybe': 'unread',
      '?category=%0A': 'category',
      '?category=A': 'category',
      '?limit=0': 'limit',
      '?limit=101': 'limit',
      '?sort=title': 'sort',
      '?colour=red': 'colour',
      '?cursor=x': 'cursor',
    };
    for (const [query, field] of Object.entries(faults)) {
      const { status, body } = await get(query);
      expect([query, status, body.details?.[0]?.field]).toEqual([query, 400, field]);
    }
  });

  it('marks one as read, once', async () => {
    await add('one');
    await add('two');
    const { id } = (await get('')).body.data[1];
    expect((await get('/unread-count')).body.data).toEqual({ count: 2 });
    const first = await post(`/${id}/read`);
    expect(first.status).toBe(200);
    expect(first.body.data).toMatchObject({ id, title: 'one', version: 2 });
    expect(Date.parse(first.body.data.read_at)).toBeGreaterThan(Date.now() - 60_000);
    const again = await post(`/${id}/read`);
    expect([again.status, again.body.data]).toEqual([200, first.body.data]);
    expect((await get('/unread-count')).body.data).toEqual({ count: 1 });
  });

  it('marks all as read and says how many were not', async () => {
    for (const title of ['a', 'b', 'c']) await add(title);
    await post(`/${(await get('')).body.data[0].id}/read`);
    const all = await post('/read-all');
    expect([all.status, all.body.data]).toEqual([200, { count: 2 }]);
    expect((await post('/read-all')).body.data).toEqual({ count: 0 });
    expect((await get('/unread-count')).body.data).toEqual({ count: 0 });
    expect((await get('?unread=true')).body.page.total).toBe(0);
  });

  it('keeps people apart', async () => {
    const other = uuidv7();
    await add('mine');
    await add('theirs', 'project', other);
    const theirs = (await app.call('GET', PATH, { token: app.token({ sub: other }) })).body.data[0];
    const { status, body } = await post(`/${theirs.id}/read`);
    expect([status, body.details[0].code]).toEqual([404, 'notification_not_found']);
    expect((await post(`/${uuidv7()}/read`)).status).toBe(404);
    expect((await post('/not-an-id/read')).body.details[0].code).toBe('invalid_id');
    expect((await post('/read-all')).body.data).toEqual({ count: 1 });
    const after = await app.call('GET', `${PATH}?unread=true`, { token: app.token({ sub: other }) });
    expect(after.body.data).toEqual([theirs]);
    for (const path of ['', '/unread-count', '/stream']) expect((await app.call('GET', PATH + path)).status).toBe(401);
  });

  it('answers from the cache until something changes', async () => {
    const state = async (path: string) =>
      (await get(path)).headers.get('cache-status')?.replace(/;.*(l1|miss).*/, '; $1');
    for (const path of ['', '/unread-count']) {
      expect([await state(path), await state(path)]).toEqual(['nexus; miss', 'nexus; l1']);
      await add('new');
      expect([await state(path), await state(path)]).toEqual(['nexus; miss', 'nexus; l1']);
      await post('/read-all');
      expect(await state(path)).toBe('nexus; miss');
    }
    expect((await get('/unread-count')).body.data).toEqual({ count: 0 });
  });

  it('replays a marked request instead of counting again', async () => {
    await add('a');
    const headers = { 'idempotency-key': 'k1' };
    expect((await post('/read-all', headers)).body.data).toEqual({ count: 1 });
    const again = await post('/read-all', headers);
    expect([again.body.data, again.headers.get('idempotency-replayed')]).toEqual([{ count: 1 }, 'true']);
    expect((await get('/unread-count')).body.data).toEqual({ count: 0 });
  });

  it('answers 304 to whoever has the count already', async () => {
    const first = await get('/unread-count');
    const tag = first.headers.get('etag') as string;
    expect((await get('/unread-count', { 'if-none-match': tag })).status).toBe(304);
  });
});
