/**
 * A real sshd of the test's own user on a free port: own host key, own client key, own client configuration. Programs that
 * look for `ssh` on their PATH find a wrapper that reads this configuration, so that nothing of the user's ~/.ssh is used.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { which } from '../../src/host/process/search-path.ts';
import { freePort } from './cluster.ts';

const exec = promisify(execFile);

/** Where sshd is when it is not on the PATH of an ordinary user. */
const SYSTEM_PATH = '/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin';

export interface SshdOptions {
  /** Default 127.0.0.1. */
  readonly listenAddress?: string;
  /** Further lines for sshd_config, e.g. `Banner /path`. */
  readonly serverLines?: readonly string[];
  /** Further lines for the client's `Host *`, e.g. `ControlMaster auto`. */
  readonly clientLines?: readonly string[];
  /** Environment of remote commands. PATH is always set: `remoteBin`, then the caller's. */
  readonly remoteEnv?: Readonly<Record<string, string>>;
}

export interface Sshd {
  /** Holds everything below; removed by dispose. */
  readonly root: string;
  readonly host: string;
  readonly port: number;
  /** The only user who can log in: the one who runs the test. */
  readonly user: string;
  /** The client configuration: `ssh -F configFile HOST ...`. Any host name leads to this sshd. */
  readonly configFile: string;
  /** A folder with a program `ssh` that reads `configFile`; put it first on PATH (see `env`). */
  readonly clientBin: string;
  /** A folder that comes first on the PATH of remote commands. */
  readonly remoteBin: string;
  /** `ssh -F configFile`, as an option like `ssh_command = ssh -F ...` wants it. */
  readonly sshCommand: string;
  /** The environment in which `ssh` is the wrapper. */
  readonly env: NodeJS.ProcessEnv;
  /** Puts an executable script into `remoteBin`. */
  addRemote(name: string, script: string): Promise<void>;
  /** What sshd said so far. */
  log(): Promise<string>;
  /** Stops listening and ends every session; `start` opens the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  dispose(): Promise<void>;
}

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const root = await mkdtemp(join(tmpdir(), 'barman-sshd-'));
  const path = (...parts: readonly string[]) => join(root, ...parts);
  const address = options.listenAddress ?? '127.0.0.1';
  const port = await freePort();
  const user = userInfo().username;
  await Promise.all([mkdir(path('client-bin')), mkdir(path('remote-bin'))]);
  for (const name of ['host_key', 'client_key']) {
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path(name)]);
  }
  await writeFile(path('authorized_keys'), await readFile(path('client_key.pub')));
  const hostKey = (await readFile(path('host_key.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
  await writeFile(path('known_hosts'), `* ${hostKey}\n`);
  const remoteEnv = {
    PATH: `${path('remote-bin')}${delimiter}${process.env.PATH ?? SYSTEM_PATH}`,
    ...options.remoteEnv,
  };
  await writeFile(path('sshd_config'), serverConfig(root, address, port, remoteEnv, options.serverLines ?? []));
  await writeFile(path('config'), clientConfig(root, address, port, user, options.clientLines ?? []));
  const ssh = which('ssh', `${process.env.PATH ?? ''}${delimiter}${SYSTEM_PATH}`);
  if (ssh === undefined) throw new Error('ssh is not installed: run the tests with "npm test"');
  await writeScript(path('client-bin', 'ssh'), `#!/bin/sh\nexec ${ssh} -F ${path('config')} "$@"\n`);
  let daemon: ChildProcess | undefined;
  const start = async () => {
    daemon = await startDaemon(root, address, port);
  };
  const stop = async () => {
    await stopDaemon(daemon);
    daemon = undefined;
  };
  await start();
  return {
    root,
    host: address,
    port,
    user,
    configFile: path('config'),
    clientBin: path('client-bin'),
    remoteBin: path('remote-bin'),
    sshCommand: `ssh -F ${path('config')}`,
    env: { ...process.env, PATH: `${path('client-bin')}${delimiter}${process.env.PATH ?? ''}` },
    addRemote: (name, script) => writeScript(path('remote-bin', name), script),
    log: () => readFile(path('sshd.log'), 'utf8').catch(() => ''),
    stop,
    start,
    dispose: async () => {
      await stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function serverConfig(
  root: string,
  address: string,
  port: number,
  env: Readonly<Record<string, string>>,
  extra: readonly string[],
): string {
  const variables = Object.entries(env).map(([name, value]) => `"${name}=${value}"`);
  return [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${join(root, 'host_key')}`,
    `AuthorizedKeysFile ${join(root, 'authorized_keys')}`,
    `PidFile ${join(root, 'sshd.pid')}`,
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PrintMotd no',
    // The keys are below a folder that anybody may write to.
    'StrictModes no',
    'MaxStartups 100',
    'MaxSessions 100',
    `SetEnv ${variables.join(' ')}`,
    ...extra,
    '',
  ].join('\n');
}

function clientConfig(root: string, address: string, port: number, user: string, extra: readonly string[]): string {
  return [
    'Host *',
    `  HostName ${address}`,
    `  Port ${port}`,
    `  User ${user}`,
    `  IdentityFile ${join(root, 'client_key')}`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile ${join(root, 'known_hosts')}`,
    '  GlobalKnownHostsFile /dev/null',
    '  StrictHostKeyChecking yes',
    '  BatchMode yes',
    ...extra.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

async function writeScript(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

/** In the foreground, in a process group of its own, so that stopping it reaches its sessions. */
async function startDaemon(root: string, address: string, port: number): Promise<ChildProcess> {
  const program = which('sshd', `${process.env.PATH ?? ''}${delimiter}${SYSTEM_PATH}`);
  if (program === undefined) throw new Error('sshd is not installed: run the tests with "npm test"');
  const args = ['-D', '-f', join(root, 'sshd_config'), '-E', join(root, 'sshd.log')];
  const daemon = spawn(program, args, { stdio: 'ignore' });
  for (;;) {
    if (daemon.exitCode !== null) {
      throw new Error(`sshd did not start:\n${await readFile(join(root, 'sshd.log'), 'utf8').catch(() => '')}`);
    }
    if (await isListening(address, port)) return daemon;
    await sleep(20);
  }
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** sshd does not end its sessions when it ends; each session is a group of its own below it. */
async function stopDaemon(daemon: ChildProcess | undefined): Promise<void> {
  if (daemon?.pid === undefined || daemon.exitCode !== null) return;
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  for (const pid of await descendants(daemon.pid)) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch {
      // It ended by itself.
    }
  }
  daemon.kill('SIGTERM');
  await ended;
}

/** Processes below `pid`, children first. */
async function descendants(pid: number): Promise<readonly number[]> {
  const { stdout } = await exec('ps', ['-A', '-o', 'pid=,ppid=']);
  const parents = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const below = (parent: number): number[] =>
    parents.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}
