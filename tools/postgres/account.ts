import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { StartError } from '../launcher/start-error.mjs';

/** Who PostgreSQL runs as when we are root, which it refuses to be. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** The accounts of /etc/passwd; one that only a directory service knows is not among them. */
function localAccounts(): Account[] {
  let passwd = '';
  try {
    passwd = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A container without the file: the caller finds nobody to run as and says so.
  }
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

/** A name for messages. */
export function nameOfUser(uid: number): string {
  return localAccounts().find((account) => account.uid === uid)?.name ?? `user ${uid}`;
}

/**
 * The account for PostgreSQL: none when we are an ordinary user (it then runs as ourselves). As root it is the owner of
 * the database files that are there; for new ones the person behind sudo when the checkout is theirs, else the system's
 * `postgres`, else `nobody`.
 * @param cluster the database's folder, which need not exist yet
 * @param checkout the folder whose owner is compared with the person behind sudo
 */
export function chooseAccount(cluster: string, checkout: string, env: NodeJS.ProcessEnv): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const files = statSync(cluster, { throwIfNoEntry: false });
  if (files) {
    if (files.uid === 0) {
      throw new StartError(
        `The database files in ${cluster} belong to root, and PostgreSQL does not run as root: give them to another account (chown -R).`,
      );
    }
    return { uid: files.uid, gid: files.gid, name: nameOfUser(files.uid) };
  }
  const sudo = { uid: Number(env.SUDO_UID), gid: Number(env.SUDO_GID) };
  if (Number.isInteger(sudo.uid) && sudo.uid > 0 && Number.isInteger(sudo.gid) && statSync(checkout).uid === sudo.uid) {
    return { ...sudo, name: nameOfUser(sudo.uid) };
  }
  const accounts = localAccounts();
  const account = ['postgres', 'nobody'].map((name) => accounts.find((known) => known.name === name)).find(Boolean);
  if (!account || account.uid === 0) {
    throw new StartError(
      'PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to run it as: start as an ordinary user or set DATABASE_URL.',
    );
  }
  return account;
}

/** Options for child_process that make the child run as the account, from a folder that everybody can enter. */
export function runAs(account: Account | undefined): { cwd: string; uid?: number; gid?: number } {
  return account ? { cwd: '/', uid: account.uid, gid: account.gid } : { cwd: '/' };
}

/** Runs a command as the account and tells whether it succeeded: the honest way to learn what the account may do. */
export function succeedsAs(account: Account | undefined, file: string, args: string[]): boolean {
  const result = spawnSync(file, args, { ...runAs(account), env: {}, stdio: 'ignore', timeout: 20_000 });
  const code = result.error && 'code' in result.error ? result.error.code : undefined;
  if (account && (code === 'EPERM' || code === 'EINVAL')) {
    throw new StartError(
      'PostgreSQL does not run as root, and here root may not act as another user: start as an ordinary user or set DATABASE_URL.',
    );
  }
  return result.status === 0;
}

/** Whether the account can enter the folder: tried, because modes alone do not tell (ACLs, namespaces, network mounts). */
export function canEnter(account: Account | undefined, folder: string): boolean {
  return succeedsAs(account, '/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder]);
}
