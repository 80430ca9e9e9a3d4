import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../tools/test/free-ports.ts';
import type { Cores } from '../machine.ts';
import { HOST, ServedProcess } from '../served-process.ts';

const PLACES = ['nginx', '/usr/sbin/nginx'];
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** What to call to run nginx, and its version; undefined where there is none. */
export function findNginx(): { command: string; version: string } | undefined {
  for (const command of PLACES) {
    const { status, stderr } = spawnSync(command, ['-v'], { encoding: 'utf8' });
    const version = /nginx\/([\d.]+)/.exec(stderr ?? '')?.[1];
    if (status === 0 && version !== undefined) return { command, version };
  }
  return undefined;
}

/** nginx in one process (so its CPU time is the worker's) that answers every request with `text`. */
export function nginxAnswer(text: string): string {
  return `location / { default_type application/json; return 200 '${text}'; }`;
}

/** The upstream's connections are kept, as every other contestant does. */
export function nginxProxy(upstream: URL): { location: string; upstreams: string } {
  return {
    upstreams: `upstream origin { server ${upstream.host}; keepalive 128; keepalive_requests 1000000000; }`,
    location:
      'location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; client_max_body_size 0; }',
  };
}

/** The whole configuration of one server. */
export function nginxConfiguration(port: number, location: string, upstreams = ''): string {
  return `daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  ${TEMPORARY.map((name) => `${name}_temp_path ${name};`).join(' ')}
  ${upstreams}
  server { listen ${HOST}:${port}; ${location} }
}
`;
}

export async function startNginx(options: {
  command: string;
  name: string;
  folder: string;
  cores: Cores | undefined;
  location: string;
  upstreams?: string;
}): Promise<ServedProcess> {
  const { command, name, folder, cores, location, upstreams } = options;
  const port = await freePort();
  const prefix = join(folder, name);
  mkdirSync(prefix);
  const file = join(prefix, 'nginx.conf');
  writeFileSync(file, nginxConfiguration(port, location, upstreams));
  return ServedProcess.start({
    command,
    args: ['-p', prefix, '-c', file, '-e', 'stderr'],
    env: {},
    port,
    readyPath: '/health/ready',
    logFile: join(prefix, 'log'),
    cores,
  });
}
