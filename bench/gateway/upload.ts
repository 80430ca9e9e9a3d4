import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { forgetPeakRss, peakRssMb, rssMb, settled } from '../machine.ts';
import { markdownTable } from '../report.ts';
import { type Verdict, verdict } from '../results.ts';
import { CONTESTANT_TITLES } from '../scenarios.ts';
import { HOST, type ServedProcess } from '../served-process.ts';
import { median, rotate } from '../statistics.ts';
import type { GatewayStage } from './stage.ts';

const UPLOADERS = ['gateway', 'http-proxy'] as const;
type Uploader = (typeof UPLOADERS)[number];

/** Bounds of the growth, in MB. */
const TARGET_MB = 48;
const AMBITION_MB = 40;
const PIECE_BYTES = 64 * 1024;
const WARMUP_BYTES = 1_000_000;
const WARMUPS = 8;
const BOUNDARY = 'bench-5f1c0e';
const HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="upload.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`;
const TAIL = `\r\n--${BOUNDARY}--\r\n`;

/** One upload through one process. */
export interface UploadSample {
  uploader: Uploader;
  /** Resident set before it, in MB, and how much it grew at most. */
  beforeMb: number;
  growthMb: number;
  seconds: number;
}

/** The body of an upload, made as it is sent. */
function* uploadBody(bytes: number): Generator<Buffer> {
  const piece = Buffer.alloc(PIECE_BYTES, 0x61);
  yield Buffer.from(HEAD);
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield left < PIECE_BYTES ? piece.subarray(0, left) : piece;
  yield Buffer.from(TAIL);
}

/** @throws when not every byte has arrived */
export async function upload(port: number, token: string, bytes: number): Promise<void> {
  const length = HEAD.length + bytes + TAIL.length;
  const headers = {
    Authorization: `Bearer ${token}`,
    'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
    'Content-Length': length,
  };
  const sent = request({ host: HOST, port, method: 'POST', path: '/api/v1/files', headers, agent: false });
  const answered = new Promise<string>((resolve, reject) => {
    sent.once('error', reject).once('response', (answer) => {
      let text = `${answer.statusCode} `;
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.once('end', () => resolve(text)).once('error', reject);
    });
  });
  const [answer] = await Promise.all([
    answered,
    pipeline(Readable.from(uploadBody(bytes), { objectMode: true }), sent),
  ]);
  if (answer !== `201 {"received":${length}}`) throw new Error(`an upload of ${length} bytes was answered ${answer}`);
}

async function sample(uploader: Uploader, served: ServedProcess, token: string, bytes: number): Promise<UploadSample> {
  for (let count = 0; count < WARMUPS; count += 1) await upload(served.port, token, WARMUP_BYTES);
  await settled(served.pids);
  forgetPeakRss(served.pid);
  const beforeMb = rssMb(served.pid);
  const start = performance.now();
  await upload(served.port, token, bytes);
  const seconds = (performance.now() - start) / 1000;
  return { uploader, beforeMb, growthMb: peakRssMb(served.pid) - beforeMb, seconds };
}

/** A process of its own for each upload: one that has grown before would not grow again. */
export async function measureUploads(options: {
  stage: GatewayStage;
  token: () => Promise<string>;
  rounds: number;
  bytes: number;
  log: (line: string) => void;
}): Promise<UploadSample[]> {
  const { stage, token, rounds, bytes, log } = options;
  const samples: UploadSample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const uploader of rotate([...UPLOADERS], round)) {
      const served =
        uploader === 'gateway'
          ? await stage.gateway(`upload-${round}`, stage.origin)
          : await stage.proxy(uploader, stage.origin);
      const taken = await sample(uploader, served, await token(), bytes);
      await served.stop();
      samples.push(taken);
      log(
        `round ${round + 1}/${rounds}  slow-upload  ${uploader.padEnd(14)} +${taken.growthMb.toFixed(1)} MB in ${taken.seconds.toFixed(1)} s`,
      );
    }
  }
  return samples;
}

const growthOf = (samples: readonly UploadSample[], uploader: Uploader) =>
  samples.filter((one) => one.uploader === uploader).map(({ growthMb }) => growthMb);

export function judgeUploads(samples: readonly UploadSample[]): Verdict {
  return verdict('S1 slow-upload: growth of the gateway', median(growthOf(samples, 'gateway')), {
    target: TARGET_MB,
    ambition: AMBITION_MB,
    digits: 0,
    unit: ' MB',
  });
}

export function uploadSection(samples: readonly UploadSample[], bytes: number): string {
  const rows = UPLOADERS.map((uploader) => {
    const own = samples.filter((one) => one.uploader === uploader);
    const growth = growthOf(samples, uploader);
    return [
      CONTESTANT_TITLES[uploader],
      median(own.map(({ beforeMb }) => beforeMb)).toFixed(0),
      median(growth).toFixed(1),
      Math.max(...growth).toFixed(1),
      median(own.map(({ seconds }) => seconds)).toFixed(1),
    ];
  });
  return [
    `### POST of ${(bytes / 1e6).toFixed(0)} MB to an upstream that takes 80 MB/s`,
    '`slow-upload`, one connection, a new process for each upload',
    markdownTable(['contestant', 'RSS MB before', 'growth MB', 'most', 'seconds'], rows),
  ].join('\n\n');
}
