import { join } from 'node:path';
import type { Ready } from './app-process.ts';
import type { Settings } from './settings.ts';

const BOLD = '\u001b[1m';
const PLAIN = '\u001b[0m';

/** Colour only where a person looks at it and has not asked for none (https://no-color.org). */
export function wantsColour(out: NodeJS.WritableStream & { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return out.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** The server and the database of a connection string, without who connects and with what. */
function describeDatabase(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return 'from DATABASE_URL';
  }
}

export interface BannerFacts {
  readonly ready: Ready;
  readonly settings: Settings;
  /** Only on the start that created the administrator. */
  readonly password: string | undefined;
  /** Where the embedded database lies. */
  readonly databaseDir: string | undefined;
  /** `undefined` when the log is on the screen. */
  readonly logFile: string | undefined;
  readonly colour: boolean;
}

/** What a person needs after a start, and nothing else. */
export function banner({ ready, settings, password, databaseDir, logFile, colour }: BannerFacts): string {
  const url = ready.url.replace(/\/$/, '');
  const rows: [string, string | undefined][] = [
    ['API', url],
    ['Docs', `${url}/docs`],
    ['Mail', settings.showsMail ? `${url}/dev/mail` : undefined],
    ['Admin', ready.admin?.email ?? settings.adminEmail],
    ['Password', password && `${password}  (shown only now)`],
    ['Data', settings.dataDir],
    ['Database', settings.databaseUrl ? describeDatabase(settings.databaseUrl) : elsewhere(settings, databaseDir)],
    ['Log', logFile],
  ];
  const lines = rows.filter((row) => row[1]).map(([name, value]) => `  ${name.padEnd(10)}${value}`);
  const title = colour ? `${BOLD}Nexus is running.${PLAIN}` : 'Nexus is running.';
  return `\n${title}\n\n${lines.join('\n')}\n\nCtrl-C stops.\n`;
}

/** Where the database is, when it is not where everything else is. */
function elsewhere(settings: Settings, databaseDir: string | undefined): string | undefined {
  return databaseDir === join(settings.dataDir, 'postgres') ? undefined : databaseDir;
}
