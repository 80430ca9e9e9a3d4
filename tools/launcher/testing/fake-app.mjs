/**
 * Stands in for the application in the launcher's tests: speaks the same protocol over IPC, keeps a row per start in the
 * database, and misbehaves as FAKE_APP says.
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { env } = process;
const require = createRequire(join(env.FAKE_APP_MODULES ?? process.cwd(), 'package.json'));
const behaviour = env.FAKE_APP ?? '';
const log = (/** @type {string} */ message, level = 'info') =>
  console.log(JSON.stringify({ '@timestamp': new Date().toISOString(), 'log.level': level, message }));

if (behaviour === 'sentence') {
  process.stderr.write('The configuration is not usable: PUBLIC_URL: must be a URL.\n');
  process.exit(1);
}
if (behaviour === 'stack') throw new Error('a defect');

process.send?.({ type: 'progress', message: 'Migrating' });
const { Client } = require('pg');
const client = new Client(env.DATABASE_URL);
client.on('error', () => log('database connection lost', 'error'));
await client.connect();
await client.query(
  'CREATE TABLE IF NOT EXISTS starts (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())',
);
await client.query('CREATE TABLE IF NOT EXISTS admins (email text PRIMARY KEY, password text NOT NULL)');
await client.query('INSERT INTO starts DEFAULT VALUES');
const { rowCount: created } = await client.query(
  'INSERT INTO admins SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM admins)',
  [env.ADMIN_EMAIL, env.ADMIN_PASSWORD ?? ''],
);
if (behaviour === 'hang-before-ready') await new Promise((resolve) => setTimeout(resolve, 3_600_000));

const server = createServer(async (request, response) => {
  if (request.url === '/die') process.exit(3);
  const starts = await client.query('SELECT count(*)::int AS n FROM starts');
  const admins = await client.query('SELECT email, password FROM admins');
  const { NEXUS_ENV, NEXUS_DATA_DIR, AUTH_SECRET_FILE, DATABASE_URL } = env;
  response.end(
    JSON.stringify({
      pid: process.pid,
      starts: starts.rows[0].n,
      admin: admins.rows[0],
      umask: process.umask(),
      env: { NEXUS_ENV, NEXUS_DATA_DIR, AUTH_SECRET_FILE, DATABASE_URL },
      args: process.argv.slice(2),
    }),
  );
});
const finish = () => {
  if (behaviour === 'hang-at-stop') return;
  log('stopping');
  server.close();
  server.closeAllConnections();
  void client.end().then(() => process.exit(0));
};
process.on('SIGTERM', finish);
process.on('disconnect', finish);
server.listen(Number(env.PORT), env.HOST, () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : env.PORT;
  log('ready');
  process.send?.({
    type: 'ready',
    url: `http://${env.HOST}:${port}`,
    management_url: `http://${env.MANAGEMENT_HOST}:${env.MANAGEMENT_PORT}`,
    admin: { email: env.ADMIN_EMAIL, created: created === 1 },
  });
});
