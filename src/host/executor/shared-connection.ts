/**
 * One ssh connection that many commands use (ssh_config(5), ControlMaster): a master of our own in a private directory. It
 * ends with us, even by kill -9, and a socket that is left over is in nobody's way, because every run has a directory of
 * its own.
 */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../executor.ts';
import { startBoundChild } from '../process/parent-death.ts';
import { removeStaleSockets, SOCKET_DIRECTORY, SOCKET_NAME } from './stale-sockets.ts';

export interface SharedConnection {
  /** What a command adds to use it. */
  readonly options: readonly string[];
  close(): Promise<void>;
}

/** A socket name may be 104 bytes long, and ssh adds up to 18 of its own while it makes one. */
const LONGEST_DIRECTORY = 60;
/** Between two looks for the socket, ms. */
const PAUSE = 10;
/** How long the master may take to end, ms. */
const PATIENCE = 2_000;

/**
 * Opens the connection and waits until it is there. undefined when there will be none: the host refused (the command
 * itself will say why, in its own words) or this ssh cannot share.
 */
export async function shareConnection(
  words: Command,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<SharedConnection | undefined> {
  const folder = tmpdir().length > LONGEST_DIRECTORY ? '/tmp' : tmpdir();
  await removeStaleSockets(folder);
  const directory = await mkdtemp(join(folder, SOCKET_DIRECTORY));
  const socket = join(directory, SOCKET_NAME);
  const [program, ...args] = words;
  const sharing = ['-o', 'ControlMaster=yes', '-o', `ControlPath=${socket}`, '-o', 'ControlPersist=no', '-N'];
  const master = await startBoundChild(program, [...args, ...sharing], 'KILL', {
    stdio: 'ignore',
    env,
    graceMs: PATIENCE,
  });
  const gone = master.done.then(
    () => true,
    () => true,
  );
  const close = async () => {
    master.end();
    await gone;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    while (!(await isThere(socket))) {
      if (signal?.aborted || (await Promise.race([gone, sleep(PAUSE, false)]))) {
        await close();
        return undefined;
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { options: ['-o', 'ControlMaster=no', '-o', `ControlPath=${socket}`], close };
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
