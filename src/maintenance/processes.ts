/**
 * Which of our activities run on a server, told from its lock files, and how to end one.
 * Source: docs/behaviour/catalog.md 7.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listNames } from '../host/files.ts';
import { lockHolder } from '../host/lock.ts';
import { isAlive } from '../host/process/alive.ts';
import { run } from '../host/process/run.ts';
import { errnoOf } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';

export type Task = 'receive-wal' | 'sync-backup' | 'backup' | 'cron' | 'archive-wal' | 'sync-wal';

export interface ServerProcess {
  readonly task: Task;
  readonly pid: number;
  /** The lock file that it holds. */
  readonly lockPath: string;
}

const TASKS: readonly Task[] = ['receive-wal', 'sync-backup', 'backup', 'cron', 'archive-wal', 'sync-wal'];
/** How often and how long apart, ms, an ending process is looked at. */
const POLLS = 10;
const POLL_MS = 1_000;

/**
 * The running activities of a server, in the order of their lock files. compat 3.20.1: there the locks of server `a-b`
 * count as those of server `a` too; here a lock belongs to the server it names.
 */
export async function serverProcesses(scope: ServerScope): Promise<readonly ServerProcess[]> {
  const directory = scope.catalog.layout.lockDirectory;
  const processes: ServerProcess[] = [];
  for (const name of await listNames(directory)) {
    const task = taskOfLock(scope.name, name);
    if (task === undefined) continue;
    const path = join(directory, name);
    const holder = await lockHolder(path);
    if (holder === undefined) continue;
    if (holder.pid === null) {
      scope.log.named('barman.process').warning(`Cannot parse PID from lock file ${path}: skipping it`);
    } else {
      processes.push({ task, pid: holder.pid, lockPath: path });
    }
  }
  return processes;
}

/** The activity that a lock file of this server stands for; undefined for other files. */
export function taskOfLock(server: string, fileName: string): Task | undefined {
  const prefix = `.${server}-`;
  if (!fileName.startsWith(prefix) || !fileName.endsWith('.lock')) return undefined;
  const activity = fileName.slice(prefix.length, -'.lock'.length).replace(/^\d{8}T\d{6}-(?=sync-backup$)/, '');
  return TASKS.find((task) => task === activity);
}

/**
 * Ends the processes of one activity with SIGINT and waits up to ten seconds for each; says what became of it. True when
 * all ended. An unknown activity and one that does not run are the same reported error.
 */
export async function terminateProcess(scope: ServerScope, task: string): Promise<boolean> {
  const processes = (await serverProcesses(scope)).filter((process) => process.task === task);
  if (processes.length === 0) {
    scope.output.error(`Termination of ${task} failed: no such process for server ${scope.name}`);
    return false;
  }
  let all = true;
  for (const { pid, lockPath } of processes) {
    if (await endProcess(scope, pid, lockPath)) {
      scope.output.info(`Stopped process ${task}(${pid})`);
    } else {
      scope.output.error(`Cannot terminate process ${task}(${pid})`);
      all = false;
    }
  }
  return all;
}

async function endProcess(scope: ServerScope, pid: number, lockPath: string): Promise<boolean> {
  // The number may be that of the holder before, and by now that of anybody: the new one has not written its own yet.
  if (!(await hasOpen(pid, lockPath))) return (await lockHolder(lockPath)) === undefined;
  // A unit that is only killed would be started again by systemd.
  const unit = `barman-receive-wal@${scope.name}.service`;
  if (await isInUnit(pid, unit)) {
    const result = await run('systemctl', ['--no-ask-password', 'stop', unit], { env: scope.env }).catch(
      () => undefined,
    );
    if (result?.code === 0 && !isRunning(pid)) return true;
  }
  if (!signal(pid, 'SIGINT')) return !isRunning(pid);
  for (let poll = 0; poll < POLLS; poll += 1) {
    // Most end at once: the first looks are closer together.
    for (let look = 0; look < 10; look += 1) {
      await sleep(POLL_MS / 10);
      if (!isRunning(pid)) return true;
    }
  }
  return false;
}

/** True when the process has the file open, or when this system does not tell (no /proc). */
async function hasOpen(pid: number, path: string): Promise<boolean> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return false;
  const directory = `/proc/${pid}/fd`;
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    return errnoOf(error) === 'ENOENT' && !existsSync('/proc/self/fd');
  }
  for (const name of names) {
    const open = await stat(join(directory, name)).catch(() => undefined);
    if (open?.ino === file.ino && open.dev === file.dev) return true;
  }
  return false;
}

async function isInUnit(pid: number, unit: string): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cgroup`, 'utf8')).split(/[/\n]/).includes(unit);
  } catch (error) {
    if (errnoOf(error) !== undefined) return false;
    throw error;
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  if (!isOne(pid)) return false;
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  return isOne(pid) && isAlive(pid);
}

/** 0 and negative numbers address process groups; 1 is never ours. */
function isOne(pid: number): boolean {
  return Number.isSafeInteger(pid) && pid > 1;
}
