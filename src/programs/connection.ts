/**
 * One run of ssh: started before anything else is looked at, watched for progress, ended for good. With a shared
 * connection the process that holds it keeps our pipes open, so the end of ssh itself is what counts, not that of its output.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, mkdirSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Remote, sshArguments } from './remote.ts';
import { tellStandardError } from '../host/standard-error.ts';

/** ssh's own failure: no connection, wrong host key, refused login. */
export const SSH_FAILED = 255;

export interface Ended {
  /** Exit code of the remote command; 255 from ssh itself; null when ssh could not be started or was killed. */
  readonly code: number | null;
  /** Why ssh did not run to its end. */
  readonly failure?: NodeJS.ErrnoException;
  /** Seconds of silence after which it was given up. */
  readonly stalled?: number;
}

export interface Connection {
  readonly child: ChildProcess;
  /** Something moved: the clock starts again. */
  readonly moved: () => void;
  readonly end: Promise<Ended>;
}

/** A number is an open descriptor of ours. */
type Stdio = 'pipe' | 'ignore' | 'inherit' | number;

/** Starts `ssh ... command`. */
export function connect(remote: Remote, command: readonly string[], stdio: readonly [Stdio, Stdio, Stdio]): Connection {
  const args = [...sshArguments(remote, controlOptions(remote)), ...command];
  const child = spawn('ssh', args, { stdio: [...stdio] });
  let stalled: number | undefined;
  const timer = setTimeout(() => {
    stalled = remote.timeout;
    child.kill('SIGKILL');
  }, remote.timeout * 1_000);
  const end = new Promise<Ended>((resolve) => {
    child.once('error', (failure: NodeJS.ErrnoException) => resolve({ code: null, failure }));
    child.once('exit', (code) => resolve(stalled === undefined ? { code } : { code: null, stalled }));
  });
  void end.then(() => clearTimeout(timer));
  endWithUs(child);
  return { child, moved: () => timer.refresh(), end };
}

const running = new Set<ChildProcess>();

/** What ends us by a signal ends ssh too; after kill -9 it sees its pipes close. */
function endWithUs(child: ChildProcess): void {
  if (running.size === 0) {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, endAll);
  }
  running.add(child);
  child.once('exit', () => {
    running.delete(child);
    if (running.size > 0) return;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.off(signal, endAll);
  });
}

function endAll(signal: NodeJS.Signals): void {
  for (const child of running) child.kill(signal);
  process.exit(128 + constants.signals[signal]);
}

/** Our own shared connection, in a folder that only we can enter. */
function controlOptions({ controlPersist, host, user, port }: Remote): readonly string[] {
  if (controlPersist === undefined) return [];
  const folder = join(tmpdir(), `barman-ssh-${process.getuid?.() ?? 0}`);
  if (!isPrivateFolder(folder)) {
    tellStandardError(`WARNING: '${folder}' is not a folder of our own: the ssh connection is not shared\n`);
    return [];
  }
  // The path of a socket has 104 bytes, and ssh adds 17: its own %C, a checksum, is long.
  const place = [user, host, port ?? ''].join('@');
  const name = /^[\w@.-]{1,32}$/.test(place) ? place : '%C';
  const settings = [
    'ControlMaster=auto',
    `ControlPath=${join(folder.replaceAll('%', '%%'), name)}`,
    `ControlPersist=${controlPersist}`,
  ];
  return settings.flatMap((setting) => ['-o', setting]);
}

/** Makes the folder when it is missing; true when it is ours and nobody else can write into it. Not its parents. */
export function isPrivateFolder(path: string, mode = 0o700): boolean {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const facts = lstatSync(path);
  return facts.isDirectory() && facts.uid === process.getuid?.() && (facts.mode & 0o022) === 0;
}
