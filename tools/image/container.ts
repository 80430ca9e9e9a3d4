/**
 * Runs the tree of an image as a container engine would, without one: a root of its own that holds Node, its libraries and
 * the tree, mounted read-only; process 1 of its own process space; user and group of the image; no capability, and none
 * to be had. The network is the machine's. Needs Linux and the right to mount.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContainerConfig } from './dockerfile.ts';

export interface Volume {
  readonly folder: string;
  /** Whether the container may write to it. */
  readonly writable: boolean;
}

export interface ContainerOptions {
  /** Empty; becomes the container's root. */
  readonly root: string;
  /** What `/app` shows. */
  readonly app: string;
  readonly config: ContainerConfig;
  /** Folders of the machine, by where the container sees them. */
  readonly volumes: Readonly<Record<string, Volume>>;
  /** On top of the image's. */
  readonly env: Readonly<Record<string, string>>;
  /** Instead of the image's. */
  readonly command?: readonly string[];
  /** Addresses by name, for what an engine would find by the names of containers. */
  readonly hosts?: Readonly<Record<string, string>>;
}

const TMP_BYTES = 64 * 1024 * 1024;
const DEVICES = ['null', 'zero', 'random', 'urandom'];
const USERS = 'root:x:0:0:root:/root:/sbin/nologin\nnexus:x:10001:10001::/nonexistent:/usr/sbin/nologin\n';
const GROUPS = 'root:x:0:\nnexus:x:10001:\n';
const NODE = '/usr/local/bin/node';
/** What engines set; the machine's own programs lie there, too. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * $1 root, $2 size of /tmp, $3 user, $4 group, $5 working folder; then, up to `--`, for each volume where it is seen, what it
 * shows and whether it may be written (`rw`); then the words of the command. What stays inheritable is what the last
 * step needs; it is root's alone, and nobody's once that step has become another user.
 */
const ENTER = `set -eu
root=$1 tmp=$2 user=$3 group=$4 folder=$5; shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
while [ "$1" != -- ]; do mount --bind "$2" "$root$1"; [ "$3" = rw ] || mount -o remount,bind,ro "$root$1"; shift 3; done; shift
mount -t tmpfs -o "size=$tmp,mode=1777,nosuid,nodev" tmpfs "$root/tmp"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for device in ${DEVICES.join(' ')}; do mount --bind "/dev/$device" "$root/dev/$device"; done
mount -o remount,bind,ro "$root"
exec setpriv --inh-caps -all,+sys_chroot,+setuid,+setgid setpriv --no-new-privs --bounding-set -all \\
  unshare --root "$root" --wd "$folder" --setgid "$group" --setuid "$user" -- "$@"`;

/** Why it cannot be done here; undefined when it can. */
export function cannotContain(): string | undefined {
  if (process.platform !== 'linux') return 'containers without an engine need Linux';
  if (process.getuid?.() !== 0) return 'only root may mount and change to another user';
  try {
    execFileSync('unshare', ['--mount', '--pid', '--fork', 'mount', '--make-rprivate', '/'], { stdio: 'pipe' });
    execFileSync('setpriv', ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `mounts cannot be made here (${error instanceof Error ? error.message.split('\n', 1)[0] : error})`;
  }
}

/** What the dynamic loader would load for a program, itself included. */
function librariesOf(program: string): string[] {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path as string);
}

/** The parts of a tree that are no JavaScript. */
const nativeParts = (app: string): string[] =>
  readdirSync(app, { recursive: true, encoding: 'utf8' }).flatMap((path) =>
    path.endsWith('.node') ? [join(app, path)] : [],
  );

/** Everything that the image's base brings, as far as Node and the tree need it. */
function layOutRoot({ root, app, volumes, hosts = {} }: ContainerOptions): void {
  const places = Object.keys(volumes);
  chmodSync(root, 0o755);
  for (const folder of ['/app', '/tmp', '/proc', '/dev', '/etc', ...places]) {
    mkdirSync(join(root, folder), { recursive: true, mode: 0o755 });
  }
  for (const device of DEVICES) writeFileSync(join(root, 'dev', device), '');
  writeFileSync(join(root, 'etc/passwd'), USERS);
  writeFileSync(join(root, 'etc/group'), GROUPS);
  const addresses = Object.entries({ localhost: '127.0.0.1', ...hosts }).map(
    ([name, address]) => `${address} ${name}\n`,
  );
  writeFileSync(join(root, 'etc/hosts'), addresses.join(''));
  const libraries = new Set([process.execPath, ...nativeParts(app)].flatMap(librariesOf));
  for (const [from, to] of [[process.execPath, NODE], ...[...libraries].map((path) => [path, path])] as const) {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(realpathSync(from), join(root, to));
  }
}

/**
 * Starts the container. Its output is on the child's streams. Signals go to its process 1, the only child of the child:
 * when that ends, so does everything in it, and the child ends with its exit code.
 */
export function startContainer(options: ContainerOptions): ChildProcess {
  const { root, app, config, volumes, env, command = config.command } = options;
  layOutRoot(options);
  const seen = Object.entries(volumes).map(([to, { folder, writable }]) => [to, folder, writable ? 'rw' : 'ro']);
  const mounts = [['/app', app, 'ro'], ...seen].flat();
  const [program = '', ...args] = [...config.entrypoint, ...command];
  const words = [program === 'node' ? NODE : program, ...args];
  const [user = '0', group = user] = (config.user ?? '').split(':');
  return spawn(
    'unshare',
    [
      ...['--mount', '--pid', '--ipc', '--uts', '--fork'],
      ...['sh', '-c', ENTER, 'enter', root, String(TMP_BYTES), user, group, config.workingDir],
      ...[...mounts, '--', ...words],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, ...config.env, ...env } },
  );
}
