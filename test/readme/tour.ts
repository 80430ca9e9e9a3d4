import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const BEGIN = '<!-- tour -->';
const END = '<!-- /tour -->';
const DOCUMENTED_URL = 'http://localhost:8080';
const TOUR_MS = 60_000;

/** The shell blocks between the markers, in order. @throws Error when there are no markers or no blocks */
export function tourBlocks(readme: string): string[] {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`The README has no ${BEGIN} … ${END}.`);
  const text = readme.slice(begin, end);
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
  if (blocks.length === 0) throw new Error('The tour has no ```sh block.');
  return blocks;
}

export interface TourResult {
  readonly code: number | null;
  /** What each block has printed, up to the one that failed. */
  readonly outputs: readonly string[];
  readonly errors: string;
}

/** Types the blocks into one shell, one after the other, against the server at `baseUrl`. */
export async function takeTour(blocks: readonly string[], baseUrl: string): Promise<TourResult> {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-tour-'));
  const mark = randomUUID();
  const script = blocks.map((block) => block.replaceAll(DOCUMENTED_URL, baseUrl)).join(`\necho; echo ${mark}\n`);
  try {
    const shell = spawn('bash', ['-c', `set -euo pipefail\n${script}`], {
      cwd: folder,
      env: { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TOUR_MS,
    });
    let [output, errors] = ['', ''];
    shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    shell.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      shell.once('error', reject);
      shell.once('close', resolve);
    });
    return { code, outputs: output.split(`\n${mark}\n`), errors };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
