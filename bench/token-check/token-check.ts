import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import type { Cores } from '../machine.ts';
import { markdownTable } from '../report.ts';
import { type Verdict, verdict } from '../results.ts';
import { median, spread } from '../statistics.ts';
import { inTurns, TrialProcess } from '../trial/trial-process.ts';
import type { CheckCommand, CheckEvent, TokenCase } from './protocol.ts';

const CHECKERS = { 'own-verifier': 'Nexus, a known token', 'fast-jwt': 'fast-jwt with its cache' } as const;
type Checker = keyof typeof CHECKERS;
const NAMES = Object.keys(CHECKERS) as Checker[];

const TARGET = 0.05;
const AMBITION = 0.2;
const MIN_ROUNDS = 7;
const ISSUER = 'https://bench.example';
const AUDIENCE = 'nexus';
const LIFE_SECONDS = 3_600;

export interface CheckSample {
  checker: Checker;
  round: number;
  /** CPU time of one check, in µs. */
  micros: number;
}

/** An access token with the claims that Nexus signs. */
export function tokenCase(): TokenCase {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, exp: now + LIFE_SECONDS };
  const ids = { sub: randomUUID(), sid: randomUUID(), jti: randomUUID() };
  const claims = { iss: ISSUER, aud: AUDIENCE, ...ids, sv: 1, role: 'user', scope: '', amr: ['pwd'], ...times };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'ES256', kid: 'bench', typ: 'JWT' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return {
    token: `${signed}.${signature.toString('base64url')}`,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' },
    pem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    issuer: ISSUER,
    audience: AUDIENCE,
  };
}

/** Both check the same token, in turns. @param ms CPU time of one sample */
export async function measureTokenChecks(options: {
  main: string;
  cores: Cores | undefined;
  rounds: number;
  ms: number;
}): Promise<CheckSample[]> {
  const { main, cores, ms } = options;
  const processes = new Map(
    NAMES.map((name) => [
      name,
      new TrialProcess<CheckCommand, CheckEvent>(new URL(`./${name}.ts`, import.meta.url), cores),
    ]),
  );
  const sample: CheckCommand = { type: 'sample', ms };
  const answers = await inTurns({
    processes,
    before: [{ type: 'prepare', of: tokenCase(), main }, sample],
    each: sample,
    rounds: Math.max(MIN_ROUNDS, options.rounds),
  });
  return [...answers].flatMap(([checker, events]) =>
    events.flatMap((event, round) => (event.type === 'sampled' ? [{ checker, round, micros: event.micros }] : [])),
  );
}

const microsOf = (samples: readonly CheckSample[], checker: Checker) =>
  samples.filter((sample) => sample.checker === checker).map(({ micros }) => micros);

/** Own time over the library's, round by round. */
export function checkRatios(samples: readonly CheckSample[]): number[] {
  const other = microsOf(samples, 'fast-jwt');
  return microsOf(samples, 'own-verifier').map((micros, round) => micros / (other[round] as number));
}

export function judgeTokenChecks(samples: readonly CheckSample[]): Verdict {
  return verdict('J1 token-check: known token / fast-jwt with its cache', median(checkRatios(samples)), {
    target: TARGET,
    ambition: AMBITION,
    digits: 3,
  });
}

export function tokenCheckSection(samples: readonly CheckSample[]): string {
  const rows = NAMES.map((name) => {
    const micros = microsOf(samples, name);
    return [CHECKERS[name], median(micros).toFixed(3), `${(spread(micros) * 100).toFixed(0)} %`, String(micros.length)];
  });
  const ratios = checkRatios(samples);
  return [
    '### Check of an access token (ES256) that was checked before',
    '`token-check`, in processes of their own, in turns',
    markdownTable(['checker', 'CPU µs/check', 'spread', 'rounds'], rows),
    `- J1: ${CHECKERS['own-verifier']} / ${CHECKERS['fast-jwt']}: **${median(ratios).toFixed(3)}** (spread ${(spread(ratios) * 100).toFixed(0)} %)`,
  ].join('\n\n');
}
