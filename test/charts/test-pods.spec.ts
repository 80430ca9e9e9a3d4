/** C15: `helm test` has a pod for each service; what it runs is run here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SERVICE_NAMES } from '@nexus/contracts';
import { describeCharts } from './support/charts.js';
import { hooksOf, type Manifest, ofKind, type Workload, workloadsOf } from './support/manifests.js';
import { optionsFor } from './support/renderings.js';

/** What the pod is started with, and the address in it. */
function commandOf({ spec }: Workload): { words: string[]; address: URL } {
  const { command = [], args = [] } = spec.containers[0] ?? {};
  const words = [...command, ...args];
  const address = words.find((word) => /^https?:\/\//.test(word));
  if (!address) throw new Error(`${words.join(' ')} asks nobody`);
  return { words, address: new URL(address) };
}

describeCharts('helm test', (charts) => {
  let server: Server;
  let status = 200;
  const asked: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status).end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => void server.close());

  const testsOf = async (mode = 'split'): Promise<{ documents: readonly Manifest[]; pods: Workload[] }> => {
    const documents = await charts.documents('nexus', optionsFor('production', { 'global.mode': mode }));
    return { documents, pods: workloadsOf(documents).filter(({ does }) => does === 'test') };
  };

  /** Runs it as the pod would, against another address. */
  async function run(workload: Workload, port: number): Promise<number> {
    const { words, address } = commandOf(workload);
    const local = words.map((word) => word.replace(address.origin, `http://127.0.0.1:${port}`));
    const child = spawn(process.execPath, local.slice(1), { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    return code;
  }

  test.each(['split', 'monolith'])('%s: one for each, which asks whether it is ready', async (mode) => {
    const { documents, pods } = await testsOf(mode);
    expect(pods).toHaveLength(mode === 'split' ? SERVICE_NAMES.length : 1);
    for (const pod of pods) {
      const { words, address } = commandOf(pod);
      expect([pod.document.kind, words[0], address.pathname]).toEqual(['Pod', 'node', '/health/ready']);
      expect(hooksOf(pod.document)).toEqual(['test']);
      expect(pod.spec.restartPolicy).toBe('Never');
      const service = ofKind(documents, 'Service').find(({ metadata }) => metadata.name === address.hostname);
      expect(service?.spec.ports.map(({ port }) => port)).toContain(Number(address.port));
    }
    const hosts = pods.map((pod) => commandOf(pod).address.hostname);
    expect(new Set(hosts).size).toBe(pods.length);
  });

  test('it succeeds when the service is ready, and at nothing else', async () => {
    const { pods } = await testsOf();
    // The same program with another address in each.
    const programs = pods.map((pod) => commandOf(pod).words.slice(0, -1).join('\0'));
    expect(new Set(programs).size).toBe(1);
    const [pod] = pods;
    if (!pod) throw new Error('there is none');
    const { port } = server.address() as AddressInfo;
    expect(await run(pod, port)).toBe(0);
    expect(asked).toEqual(['/health/ready']);
    status = 503;
    expect(await run(pod, port)).not.toBe(0);
    await new Promise((closed) => server.close(closed));
    expect(await run(pod, port)).not.toBe(0);
  });
});
