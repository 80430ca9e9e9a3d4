import { describe, expect, test } from '@jest/globals';
import { times } from './support/chance.js';
import { anyone } from './support/client.js';
import { environment } from './support/environment.js';
import { createProject, register } from './support/people.js';
import { eventually } from './support/waiting.js';

const manage = (path: string, method = 'GET') => fetch(`${environment.managementUrls[0]}${path}`, { method });
/** What all processes tell, as a scraper would gather it. */
const metrics = async () => {
  const texts = environment.managementUrls.map(async (url) => (await fetch(`${url}/metrics`)).text());
  return (await Promise.all(texts)).join('\n');
};

/** The value of a sample (https://prometheus.io/docs/instrumenting/exposition_formats); several are summed up. */
function sample(text: string, name: string, ...labels: string[]): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

describe('health', () => {
  test.each(['/health/live', '/health/ready'])('%s says that all is well', async (path) => {
    const reply = (await anyone().get(path)).is(200);
    expect(reply.data()).toEqual({ status: 'ok' });
    expect(reply.header('cache-control') ?? 'no-store').toMatch(/no-store|no-cache/);
    (await anyone().head(path)).is(200);
    (await anyone().post(path, {})).fails(405, 'method_not_allowed');
  });

  test.each(['/health/live', '/health/ready'])('%s says so on the management port, too', async (path) => {
    const response = await manage(path);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ success: true, data: { status: 'ok' } });
  });
});

describe('metrics', () => {
  test('are on the management port alone', async () => {
    (await anyone().get('/metrics')).fails(404, 'not_found');
    const response = await manage('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain\b/);
  });

  test.each([
    'http_server_request_duration_seconds_bucket',
    'http_server_request_duration_seconds_count',
    'http_server_request_duration_seconds_sum',
    'db_pool_connections',
    'cache_requests_total',
    'cache_hit_ratio',
    'rate_limit_decisions_total',
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'nodejs_eventloop_lag_seconds',
  ])('tell %s', async (name) => {
    const text = await metrics();
    expect(text).toMatch(new RegExp(`^${name}[{ ]`, 'm'));
  });

  test('count requests by route and status, and hold nobody’s data', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const labels = ['status_code="404"', 'route="/api/v1/projects/{id}"'];
    const count = (text: string) =>
      sample(text, 'http_server_request_duration_seconds_count', 'route="/api/v1/projects/{id}"');
    const before = count(await metrics());
    for (const _n of times(5)) await ada.get(`/api/v1/projects/${id}`);
    const text = await eventually(metrics, (seen) => count(seen) >= before + 5, {
      withinMs: 2000,
      what: `requests counted by ${labels[1]}`,
    });
    expect(text).not.toContain(id);
    expect(text).not.toContain(ada.email);
    expect(text).not.toContain(ada.address);
    expect(text).not.toContain(ada.tokens.access_token);
  });

  test('do not grow with what is asked for', async () => {
    const series = async () =>
      (await metrics()).split('\n').filter((line) => line.startsWith('http_server_request_duration_seconds_count'))
        .length;
    const client = anyone();
    await client.get('/nowhere-at-all');
    const before = await series();
    for (const n of times(30)) await client.get(`/nowhere-${n}/${Math.random()}`);
    expect((await series()) - before).toBeLessThan(20);
  });

  test('count hits and refusals', async () => {
    const ada = await register();
    const hits = async () => sample(await metrics(), 'cache_requests_total', 'result="hit"');
    const refused = async () => sample(await metrics(), 'rate_limit_decisions_total', 'result="refused"');
    const [hitsBefore, refusedBefore] = [await hits(), await refused()];
    for (const _n of times(4)) await ada.get('/api/v1/users/me');
    expect((await hits()) - hitsBefore).toBeGreaterThanOrEqual(3);
    const client = anyone();
    const replies = await Promise.all(times(110).map(() => client.get('/')));
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(10);
    expect((await refused()) - refusedBefore).toBeGreaterThanOrEqual(10);
  });
});

describe('the management port', () => {
  test('serves nothing else', async () => {
    for (const path of ['/', '/api/v1/users/me', '/docs', '/api/v1/openapi.json']) {
      const response = await manage(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ success: false, error_code: 404 });
    }
    expect((await manage('/metrics', 'POST')).status).toBe(405);
  });
});
