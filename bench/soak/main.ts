/**
 * `npm run bench:soak`: the platform under a steady, mixed load for a long time. Memory must be flat, no socket and no
 * timer may be left over, and nothing may fail.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Findings, KINDS } from '../../tools/faults/load/findings.ts';
import { LoadProcess } from '../../tools/faults/load/load-process.ts';
import { Platform, type Shape } from '../../tools/faults/platform.ts';
import { redisHere } from '../../tools/faults/redis-part.ts';
import { type Sample, sample, verdicts } from './samples.ts';

const USAGE = `npm run bench:soak [-- options]

  --minutes=N         how long; 20 unless given
  --shape=all|split   one process (unless given), or six
  --rate=N            requests per second; 60 unless given
`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const CLIENTS = 24;
const SEED = 7;
const SAMPLES = 120;
/** Longer than anybody keeps a connection that is not used. */
const REST_MS = 70_000;
/** Connections of pools and jobs that a process has made for itself meanwhile. */
const SLACK = 24;

interface SoakOptions {
  minutes: number;
  shape: Shape;
  rate: number;
}

function readOptions(args: string[]): SoakOptions {
  const { values } = parseArgs({
    args,
    options: { minutes: { type: 'string' }, shape: { type: 'string' }, rate: { type: 'string' } },
  });
  const minutes = Number(values.minutes ?? 20);
  const rate = Number(values.rate ?? 60);
  const shape = values.shape ?? 'all';
  if (!(minutes > 0) || !(rate > 0) || (shape !== 'all' && shape !== 'split')) throw new Error(USAGE);
  return { minutes, shape, rate };
}

async function everyProcess({ managementUrls }: Platform, at: number): Promise<Map<string, Sample>> {
  const all = [...managementUrls].map(async ([name, url]): Promise<[string, Sample]> => [name, await sample(url, at)]);
  return new Map(await Promise.all(all));
}

/** @returns whether everything was as it should be */
async function soak({ minutes, shape, rate }: SoakOptions, platform: Platform, load: LoadProcess): Promise<boolean> {
  const before = await everyProcess(platform, 0);
  await load.ask('open', { plan: { url: platform.url, clients: CLIENTS, rate, seed: SEED } });
  const from = Date.now();
  const found: Findings[] = [];
  const stepMs = (minutes * 60_000) / SAMPLES;
  const samples = new Map([...platform.managementUrls.keys()].map((name): [string, Sample[]] => [name, []]));
  for (let i = 1; i <= SAMPLES; i += 1) {
    await sleep(Math.max(0, from + i * stepMs - Date.now()));
    for (const [name, one] of await everyProcess(platform, (Date.now() - from) / 1000)) samples.get(name)?.push(one);
    // All the time, since the platform keeps only the newest of the mails that it captures.
    found.push(await load.ask('audit', {}));
  }
  const during = await load.ask('span', { from, to: Date.now() });
  const { findings, writes } = await load.ask('close', {});
  found.push(findings);
  load.end();
  await sleep(REST_MS);
  const after = await everyProcess(platform, (Date.now() - from) / 1000);
  console.log(`${shape}, ${minutes} min, ${rate} requests/s: ${JSON.stringify(during)}; ${writes} writes read back`);
  console.log('process      what         early    late   bound');
  const sentences = found.flatMap((one) => KINDS.flatMap((kind) => one[kind].map((said) => `! ${kind}: ${said}`)));
  for (const sentence of sentences) console.log(sentence);
  let isGood = sentences.length === 0;
  for (const [name, own] of samples) {
    for (const verdict of verdicts(own, before.get(name) as Sample, after.get(name) as Sample, SLACK)) {
      const figures = [verdict.early, verdict.late, verdict.bound].map((one) => one.toFixed(0).padStart(7)).join(' ');
      console.log(
        `${name.padEnd(12)} ${verdict.name.padEnd(11)} ${figures} ${verdict.unit.padEnd(2)} ${verdict.met ? '' : '!'}`,
      );
      isGood &&= verdict.met;
    }
  }
  return isGood;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const platform = await Platform.start({ root, shape: options.shape, redis: redisHere() });
  const load = new LoadProcess();
  try {
    return (await soak(options, platform, load)) ? 0 : 1;
  } finally {
    load.end();
    await platform.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
