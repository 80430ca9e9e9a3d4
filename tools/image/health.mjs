/** What the container's health check runs: exit code 0 when the process says on its management port that it is ready. */
import { get } from 'node:http';

const port = process.env.MANAGEMENT_PORT || 9180;
const request = get({ host: '127.0.0.1', port, path: '/health/ready', timeout: 2500 }, (answer) => {
  answer.resume();
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
});
request.once('timeout', () => request.destroy(new Error('no answer')));
request.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
