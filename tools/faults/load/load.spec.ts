import { afterEach, describe, expect, test } from '@jest/globals';
import { Auditor, type Closing } from './auditor.ts';
import type { Findings } from './findings.ts';
import { StandIn, type Vice } from './stand-in.ts';
import { Traffic } from './traffic.ts';

const PATIENCE_MS = 20_000;
const PLAN = { clients: 6, rate: 3_000, seed: 7 };
/** Of what is not delivered, in ms. */
const DELIVERY_MS = 300;

let server: StandIn;

afterEach(() => server?.close());

/** Puts the stand-in under load until so much was acknowledged that each vice has shown, and looks at everything. */
async function audited(vice?: Vice): Promise<Closing & { readonly counted: Record<keyof Findings, number> }> {
  server = new StandIn(vice);
  const url = await server.open();
  const traffic = new Traffic({ url, ...PLAN });
  const auditor = new Auditor(url, traffic.ledger, traffic.journal, DELIVERY_MS);
  await traffic.start();
  const end = Date.now() + PATIENCE_MS;
  const { ledger } = traffic;
  const versions = () => [...ledger.projects.values()].filter(({ version }) => version > 3).length;
  const enough = () =>
    ledger.projects.size >= 20 &&
    ledger.files.size >= 10 &&
    ledger.writes >= 120 &&
    (versions() > 2 || vice !== undefined);
  while (!enough() && Date.now() < end) await new Promise((wake) => setTimeout(wake, 20));
  expect(enough()).toBe(true);
  await traffic.stop();
  const closing = await auditor.closing();
  const { lost, doubled, stale, format, wrong } = closing.findings;
  const counted = {
    lost: lost.length,
    doubled: doubled.length,
    stale: stale.length,
    format: format.length,
    wrong: wrong.length,
  };
  return { ...closing, counted };
}

const NONE = { lost: 0, doubled: 0, stale: 0, format: 0, wrong: 0 };

describe('the audit of a load', () => {
  test.each([
    undefined,
    'is down for a while',
  ] as const)('finds nothing where all is as it should be (%s)', async (vice) => {
    const { counted, findings, writes } = await audited(vice);
    expect(findings).toEqual({ lost: [], doubled: [], stale: [], format: [], wrong: [] });
    expect(counted).toEqual(NONE);
    expect(writes).toBeGreaterThanOrEqual(120);
  });

  test.each([
    ['forgets projects', 'lost', /^project f7-project-\S+ was acknowledged and is answered with 404$/],
    ['forgets changes', 'lost', /^project \S+: version \d+ \(\S+\) was acknowledged, version 2 \(\S+\) is there$/],
    ['makes two projects of one', 'doubled', /^project \S+ is there more than once$/],
    [
      'counts a change twice',
      'doubled',
      /^project \S+: version 3 \(\S+\) was acknowledged, version 4 \(\S+\) is there$/,
    ],
    ['forgets what people say', 'lost', /^\S+ has "null" where "f7-bio-\S+" was acknowledged$/],
    ['cuts files short', 'lost', /^file \S+ was acknowledged with other bytes than are there$/],
    ['makes two files of one', 'doubled', /^file \S+ is there more than once$/],
    ['welcomes twice', 'doubled', /^\S+ was welcomed 2 times in the inbox$/],
    ['mails twice', 'doubled', /^\S+ was sent more than one welcome$/],
    ['never tells of projects', 'lost', /^\S+ was not told of project \S+$/],
    ['reads what was before', 'stale', /^project \S+ was read as version 1 \(null\) after version \d+/],
    [
      'answers in a format of its own',
      'format',
      /was answered with 503 .*; nothing else stands in an error \(message\)$/,
    ],
    ['refuses what is right', 'wrong', /^PATCH \S+ was answered with 403/],
  ] as const)('finds out who %s', async (vice, kind, sentence) => {
    const { findings } = await audited(vice);
    expect(findings[kind]).toContainEqual(expect.stringMatching(sentence));
  });
});
