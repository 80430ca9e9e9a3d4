/**
 * `node tools/local-ca/main.ts <folder> [--services=auth,user] [--trust-domain=nexus.local] [--rotate=leaf|root]`
 *
 * Makes the certificates of the services on this machine, or replaces them while the services run.
 */
import { parseArgs } from 'node:util';
import { StartError } from '../launcher/start-error.mjs';
import { ensureLocalCa, type LocalCaOptions, type LocalIdentity, rotateLeaf, rotateRoot } from './local-ca.ts';

/** The services of the platform; the product's own list is TypeScript that Node does not run by itself. */
export const SERVICES = ['gateway', 'auth', 'user', 'project', 'file', 'notification'];

const USAGE = 'usage: node tools/local-ca/main.ts <folder> [--services=a,b] [--trust-domain=name] [--rotate=leaf|root]';

async function run(args: string[]): Promise<LocalIdentity[]> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      services: { type: 'string' },
      'trust-domain': { type: 'string' },
      rotate: { type: 'string' },
    },
  });
  const [folder] = positionals;
  const { services: listed, 'trust-domain': trustDomain, rotate } = values;
  if (folder === undefined || positionals.length > 1) throw new StartError(USAGE);
  const services = listed?.split(',') ?? SERVICES;
  const options: LocalCaOptions = trustDomain === undefined ? {} : { trustDomain };
  if (rotate === undefined) return ensureLocalCa(folder, services, options);
  if (rotate === 'root') {
    if (listed !== undefined) throw new StartError('A new root is for all services: leave --services out.');
    return rotateRoot(folder, options);
  }
  if (rotate !== 'leaf') throw new StartError(USAGE);
  const renewed: LocalIdentity[] = [];
  for (const service of services) renewed.push(await rotateLeaf(folder, service, options));
  return renewed;
}

/** @returns the exit code */
export async function main(args: string[], say: (line: string) => void, complain: (line: string) => void) {
  try {
    for (const { uris, serialNumber, notAfter } of await run(args)) {
      say(`${uris.join(' ')}  serial ${serialNumber}  until ${new Date(notAfter).toISOString()}`);
    }
    return 0;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2), console.log, console.error);
