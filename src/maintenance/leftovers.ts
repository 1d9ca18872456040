/**
 * Temporary files of processes that were killed while they wrote into `meta/`, the index, identity.json or the active model,
 * or received WAL through put-wal. A file that somebody is writing is never this old: it gets its final name within moments.
 */
import { existsSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { listNames, unlinkIfPresent } from '../host/files.ts';
import { errnoOf } from '../domain/errors.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import type { ServerScope } from '../server/scope.ts';

/** After this time without a write nobody is at work on it any more, ms. */
const ABANDONED = 60_000;

/** Only names that this program and Barman give are looked at. */
const TEMPORARY_RECORD = /^\d{8}T\d{6}-(?:backup\.info|keep|delete_this)\.tmp$/;

/** What put-wal of either make receives into: `.PID-NAME`. */
const ARRIVING = /^\.(\d{1,10})-(.+)$/;

export async function hasLeftovers(scope: ServerScope): Promise<boolean> {
  return (await leftovers(scope)).length > 0;
}

export async function removeLeftovers(scope: ServerScope): Promise<void> {
  for (const path of await leftovers(scope)) {
    await unlinkIfPresent(path);
    scope.log.named('barman.server').info(`removed '${path}' of server ${scope.name}: what wrote it was killed`);
  }
}

async function leftovers(scope: ServerScope): Promise<readonly string[]> {
  const { backupDirectory, metaDirectory, xlogdb, identity } = scope.catalog.layout;
  const candidates = [`${identity}.tmp`, join(backupDirectory, '.active-model.auto.tmp')];
  for (const name of await listNames(metaDirectory)) {
    if (TEMPORARY_RECORD.test(name)) candidates.push(join(metaDirectory, name));
  }
  if ((await listNames(dirname(xlogdb))).includes(`${basename(xlogdb)}.tmp`)) candidates.push(`${xlogdb}.tmp`);
  const { incomingDirectory } = scope.catalog.layout;
  for (const name of await listNames(incomingDirectory)) {
    const [, pid = '', wal = ''] = ARRIVING.exec(name) ?? [];
    // A sender may be slow: its receiver is alive then.
    if (parseWalName(wal) !== undefined && !existsSync(`/proc/${pid}`)) candidates.push(join(incomingDirectory, name));
  }
  const found: string[] = [];
  for (const path of candidates) if (await isAbandoned(path, scope.now())) found.push(path);
  return found;
}

async function isAbandoned(path: string, now: Date): Promise<boolean> {
  try {
    const facts = await lstat(path);
    return facts.isFile() && now.getTime() - facts.mtimeMs > ABANDONED;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}
