/** What a restore and the process that fetches ahead for it tell each other, in hidden files of the spool directory. */
import { createHash } from 'node:crypto';
import { linkSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../host/process/alive.ts';
import { unlinkIfThere } from './destination.ts';
import type { Remote } from './remote.ts';

/** One row per Barman server and recovering cluster. */
export function prefetchKey({ host, port, user, config, server }: Remote, folder: string): string {
  return createHash('sha256').update([host, port, user, config, server, folder].join('\0')).digest('hex').slice(0, 16);
}

/** The WAL file that was served last. */
export function notePosition(spool: string, key: string, wal: string): void {
  const path = join(spool, `.${key}.position`);
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, wal, { mode: 0o600 });
  renameSync(temporary, path);
}

export function readPosition(spool: string, key: string): string | undefined {
  return read(join(spool, `.${key}.position`));
}

/** True while a process fetches ahead. */
export function isPrefetching(spool: string, key: string): boolean {
  const pid = Number(read(join(spool, `.${key}.pid`)) ?? 0);
  return pid > 0 && isAlive(pid);
}

/** False when another process holds the row. Two holders do no harm: every file appears whole, under its name. */
export function claimRow(spool: string, key: string): boolean {
  const path = join(spool, `.${key}.pid`);
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, String(process.pid), { mode: 0o600 });
  try {
    if (!isPrefetching(spool, key)) unlinkIfThere(path);
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkIfThere(temporary);
  }
}

export function releaseRow(spool: string, key: string): void {
  const path = join(spool, `.${key}.pid`);
  if (read(path) === String(process.pid)) unlinkIfThere(path);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
