/**
 * Stands in for one process of the split platform in the launcher's tests: notes what it was given and what happens to
 * it, and misbehaves as FAKE_SERVICE says (`<target>:<how>`).
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const { env } = process;
const args = process.argv.slice(2);
const target = args.find((arg) => arg.startsWith('--target='))?.slice('--target='.length) ?? '';
const [victim, how] = (env.FAKE_SERVICE ?? '').split(':');
const note = (/** @type {object} */ event) =>
  appendFileSync(join(env.NEXUS_DATA_DIR ?? '', 'events.jsonl'), `${JSON.stringify({ target, ...event })}\n`);

const given = Object.fromEntries(
  Object.entries(env).filter(([name]) =>
    /^(NEXUS_[A-Z]+_(URL|PORT)|TLS_|TRUST_DOMAIN|PORT|MANAGEMENT_PORT)/.test(name),
  ),
);
note({ event: 'start', pid: process.pid, args, env: given });
if (args.includes('--migrate')) {
  if (victim === 'migration') {
    process.stderr.write('The disk of the database is full.\n');
    process.exit(1);
  }
  note({ event: 'migrated' });
  process.exit(0);
}
if (target === victim && how === 'sentence') {
  process.stderr.write('The TLS identity cannot be used: the private key cannot be read.\n');
  process.exit(1);
}
const port = Number(target === 'gateway' ? env.PORT : env[`NEXUS_${target.toUpperCase()}_PORT`]);
const server = createServer((request, response) => {
  if (request.url === '/die') process.exit(3);
  response.end(target);
});
const finish = () => {
  note({ event: 'stop' });
  server.close(() => process.exit(0));
  server.closeAllConnections();
};
process.on('SIGTERM', finish);
process.on('disconnect', finish);
server.listen(port, '127.0.0.1', () => {
  const admin = target === 'auth' ? { email: env.ADMIN_EMAIL, created: true } : undefined;
  process.send?.({ type: 'ready', url: `http://127.0.0.1:${port}`, admin });
});
