import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GATEWAY_SCENARIOS } from './gateway-scenarios.ts';
import { nginxAnswer, nginxConfiguration, nginxProxy } from './nginx.ts';
import { originAnswer } from './origin-answer.ts';
import { judgeUploads, type UploadSample, upload, uploadSection } from './upload.ts';

describe('the upstream of the gateways', () => {
  it('answers JSON of 1,089 bytes that fits between the quotes of a configuration', () => {
    const text = originAnswer();
    expect(Buffer.byteLength(text)).toBe(1_089);
    expect(JSON.parse(text)).toMatchObject({ success: true });
    expect(text).not.toMatch(/['$\\]/);
  });

  it('is configured for one process that writes no access log', () => {
    const { location, upstreams } = nginxProxy(new URL('http://127.0.0.1:4000'));
    const text = nginxConfiguration(4001, location, upstreams);
    expect(text).toContain('master_process off;');
    expect(text).toContain('access_log off;');
    expect(text).toContain('server 127.0.0.1:4000; keepalive 128;');
    expect(text).toContain('listen 127.0.0.1:4001;');
    expect(nginxConfiguration(4002, nginxAnswer('{}'))).toContain(`return 200 '{}';`);
  });
});

describe('the scenarios of the gateway', () => {
  it('compare those who take part', () => {
    for (const { contestants, ratios } of GATEWAY_SCENARIOS) {
      for (const { of, against } of ratios) expect(contestants).toEqual(expect.arrayContaining([of, against]));
    }
  });

  it('hold the bounds of the requirements', () => {
    const bounds = GATEWAY_SCENARIOS.flatMap(({ ratios }) => ratios).flatMap(({ id, target, informative }) =>
      id === undefined ? [] : [`${id} ${target}${informative === true ? ', informative' : ''}`],
    );
    expect(bounds).toEqual([
      'G1 0.6',
      'G2 0.85',
      'G3 1.25, informative',
      'G4 5.5',
      'G5 1.25',
      'T1 1.6',
      'G6 3',
      'G6 with mTLS 4',
      'G7 1.4',
    ]);
  });
});

describe('uploads', () => {
  const sample = (uploader: UploadSample['uploader'], growthMb: number): UploadSample => ({
    uploader,
    growthMb,
    beforeMb: 100,
    seconds: 12,
  });
  const samples = [sample('gateway', 40), sample('http-proxy', 60), sample('gateway', 52), sample('gateway', 48)];

  async function uploadTo(answer: (request: IncomingMessage, response: ServerResponse) => void, bytes: number) {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await upload((server.address() as AddressInfo).port, 'token', bytes);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  it('judges the median growth of the gateway', () => {
    expect(judgeUploads(samples)).toMatchObject({ measured: '48 MB', met: true, ambitionMet: false });
    expect(judgeUploads([sample('gateway', 48.1)])).toMatchObject({ met: false });
    expect(uploadSection(samples, 1_000_000_000)).toContain('POST of 1000 MB');
  });

  it('sends as many bytes as it announces, and wants to hear that all have arrived', async () => {
    let announced = 0;
    await uploadTo((request, response) => {
      announced = Number(request.headers['content-length']);
      let received = 0;
      request.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      request.on('end', () => response.writeHead(201).end(`{"received":${received}}`));
    }, 200_001);
    expect(announced).toBeGreaterThan(200_001);
  });

  it('fails when something was lost', async () => {
    const lossy = uploadTo((request, response) => {
      request.resume().on('end', () => response.writeHead(201).end('{"received":7}'));
    }, 1_000);
    await expect(lossy).rejects.toThrow('was answered 201 {"received":7}');
  });
});
