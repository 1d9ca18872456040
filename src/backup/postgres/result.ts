/** What pg_basebackup left on disk: the backup label, and proof that no tablespace was written somewhere else. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { reasonOf } from '../../host/process/failure.ts';
import { run } from '../../host/process/run.ts';
import { type BackupLabel, parseBackupLabel } from '../../domain/backup/backup-label.ts';
import { type BackupCompression, backupArchiveOf } from '../../domain/codecs.ts';
import type { Tablespace } from '../../domain/backup/backup-info-values.ts';
import { BackupError, errnoOf, messageOf } from '../../domain/errors.ts';
import type { BackupJob } from '../method.ts';

export interface CopiedLabel {
  /** For the record: null when the files are plain. */
  readonly compression: BackupCompression | null;
  readonly label: BackupLabel;
  readonly labelText: string;
}

/** Where replay begins, from the label in the copy. @throws BackupError when it is missing or unreadable */
export async function readLabel(job: BackupJob, tablespaces: readonly Tablespace[]): Promise<CopiedLabel> {
  const data = join(job.directory, 'data');
  const compression = tarCompression(job);
  const archived = backupArchiveOf(compression);
  if (archived === undefined) {
    const path = join(data, 'backup_label');
    const labelText = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new BackupError(`cannot read the backup label '${path}': ${messageOf(cause)}`, { cause });
    });
    return { compression, labelText, label: parsed(labelText, path) };
  }
  const { suffix, tar } = archived;
  await refuseUnknownArchives(data, suffix, tablespaces);
  const archive = join(data, `base${suffix}`);
  const result = await run('tar', [...tar, '-xf', archive, '-O', 'backup_label', '--occurrence'], {
    env: job.scope.programEnv,
  });
  if (result.code !== 0) {
    throw new BackupError(`cannot read the backup label from '${archive}'\n${reasonOf(result)}`);
  }
  return { compression, labelText: result.stdout, label: parsed(result.stdout, archive) };
}

function tarCompression(job: BackupJob): BackupCompression | null {
  const { backupCompression, backupCompressionFormat } = job.scope.config;
  return backupCompressionFormat === 'plain' ? null : backupCompression;
}

function parsed(text: string, where: string): BackupLabel {
  const label = parseBackupLabel(text);
  if (label === undefined) throw new BackupError(`no valid backup label in '${where}'`);
  return label;
}

/** A tablespace made during the copy is in no record: such a backup would restore without it. */
async function refuseUnknownArchives(data: string, suffix: string, tablespaces: readonly Tablespace[]): Promise<void> {
  const known = new Set(tablespaces.map(({ oid }) => `${oid}${suffix}`));
  for (const name of await readdir(data)) {
    if (/^\d+\.tar/.test(name) && !known.has(name)) throw newTablespace(name);
  }
}

/**
 * In a plain copy every link of pg_tblspc must point into this backup. One that does not belongs to a tablespace that was
 * created after the copy began, and pg_basebackup wrote its files to the path it has on the PostgreSQL host.
 */
export async function refuseStrayTablespaces(job: BackupJob, tablespaces: readonly Tablespace[]): Promise<void> {
  const links = join(job.directory, 'data', 'pg_tblspc');
  const entries = await readdir(links, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const expected = new Map(tablespaces.map(({ oid }) => [String(oid), join(job.directory, String(oid))]));
  for (const entry of entries) {
    // A directory is an in-place tablespace: its files are here.
    if (!entry.isSymbolicLink()) continue;
    const target = resolve(links, await readlink(join(links, entry.name)));
    if (target !== expected.get(entry.name)) throw newTablespace(entry.name);
  }
}

function newTablespace(name: string): BackupError {
  return new BackupError(`tablespace ${name.split('.')[0]} was created while the backup was running: run it again`);
}
