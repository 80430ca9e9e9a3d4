import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../tools/test/free-ports.ts';
import type { BenchDatabase } from './database.ts';
import type { Cores } from './machine.ts';
import type { ContestantName, ReferenceData } from './scenarios.ts';
import { HOST, ServedProcess } from './served-process.ts';

const REFERENCE_NAMES = [
  'raw-fastify',
  'nest-hello',
  'raw-fastify-pg',
  'fastify-schema',
  'node-http',
] as const satisfies ContestantName[];
export type ReferenceName = (typeof REFERENCE_NAMES)[number];

/** Whether it answers by itself, with what Nexus answered. */
export function isReference(name: ContestantName): name is ReferenceName {
  return REFERENCE_NAMES.some((reference) => reference === name);
}

export interface ReferenceOptions {
  database: BenchDatabase;
  data: ReferenceData;
  folder: string;
  cores: Cores | undefined;
}

/** Gives the references the answers of Nexus; after this they can be started. */
export function prepareReferences({ data, folder }: ReferenceOptions): void {
  writeFileSync(answersFile(folder), JSON.stringify(data.answers));
}

export async function startReference(name: ReferenceName, options: ReferenceOptions): Promise<ServedProcess> {
  const { database, data, folder, cores } = options;
  const port = await freePort();
  return ServedProcess.start({
    args: [fileURLToPath(new URL(`./contestants/${name}.ts`, import.meta.url))],
    env: {
      BENCH_HOST: HOST,
      BENCH_PORT: String(port),
      BENCH_ANSWERS: answersFile(folder),
      BENCH_DATABASE_URL: database.referenceUrl,
      BENCH_READER: data.reader.id,
      BENCH_CREATOR: data.creator.id,
    },
    port,
    readyPath: '/health/ready',
    logFile: join(folder, `${name}.log`),
    cores,
  });
}

function answersFile(folder: string): string {
  return join(folder, 'answers.json');
}
