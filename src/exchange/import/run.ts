/**
 * Takes in a file that export-backup of this program or of Barman wrote. Everything is judged before anything can be seen
 * in the catalog: name, checksum, every member, the record, the WAL. Source: docs/behaviour/cli.md 4.14, catalog.md 13.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CodecSettings } from '../../codec/settings.ts';
import { digestFile } from '../../host/file-digest.ts';
import { exists } from '../../host/files.ts';
import type { Identity } from '../../catalog/catalog.ts';
import { backupPath, infoPath, usesObjectStorage } from '../../catalog/layout.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { BackupError } from '../../domain/errors.ts';
import { CHECKSUM_DIGITS, parseExportName } from '../../domain/backup/export-name.ts';
import { watchProgress } from '../../transfer/progress.ts';
import type { CommandContext } from '../../server/context.ts';
import { endFinishedDelete } from '../../server/stray-marks.ts';
import type { ServerScope } from '../../server/scope.ts';
import { inWords, membersOf } from './archive.ts';
import { type Judged, judgeIdentity, judgeRecord, judgeWhole, text } from './judge.ts';
import { decide, finishImport, publish, removeStaging } from './publish.ts';
import { Staging } from './staging.ts';
import { withLock } from '../../server/locks.ts';

/** More members than any cluster has files. */
const MAX_MEMBERS = 20_000_000;
/** A record may be older than files that were added to its backup. Bytes beyond twice its size. */
const GRACE = 1024 ** 3;

/** @throws BackupError with Barman's words for everything that it refuses too */
export async function importBackup(scope: ServerScope, tarball: string): Promise<void> {
  const settings = scope.codecs;
  const size = await refuseUnreadable(tarball, settings);
  scope.output.info(`Importing backup from '${tarball}' to server '${scope.name}'`);
  const identity = await scope.catalog.readIdentity();
  if (identity === null) {
    throw new BackupError(
      `No identity file found for server '${scope.name}'. The identity file is required to validate the backup during import.`,
    );
  }
  if (usesObjectStorage(scope.catalog.layout)) {
    throw new BackupError('Backup import is not supported for cloud storage');
  }
  await scope.catalog.createDirectories();
  const { backupId, checksum } = parseExportName(basename(tarball), scope.name);
  await refuseChecksum(scope, tarball, checksum);
  const take = async () => {
    await endFinishedDelete(scope, backupId);
    await finishImport(scope, backupId);
    await refuseExisting(scope, backupId);
    await takeIn(scope, { tarball, size, settings, backupId, identity });
  };
  await withLock(scope, 'import', take, backupId);
  scope.output.info(`Successfully imported backup '${backupId}' into server '${scope.name}'`);
}

/** Bytes of the file. */
async function refuseUnreadable(path: string, settings: CodecSettings): Promise<number> {
  const facts = await stat(path).catch(() => null);
  if (facts === null) throw new BackupError(`Tarball file '${path}' does not exist`);
  if (!facts.isFile()) throw new BackupError(`Tarball path '${path}' is not a file`);
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    throw new BackupError(`Tarball file '${path}' is not readable`, { cause });
  }
  const members = membersOf(path, facts.size, settings, 1);
  try {
    await members.next();
  } catch (cause) {
    throw new BackupError(`File '${path}' is not a valid tar file`, { cause });
  } finally {
    await members.return(undefined);
  }
  return facts.size;
}

async function refuseChecksum(ctx: CommandContext, path: string, checksum: string): Promise<void> {
  let done = 0;
  const watch = watchProgress(ctx.output.progress, 'Reading', async () => ({ done, total: null }));
  try {
    const onBytes = (bytes: number) => {
      done += bytes;
    };
    const { hex } = await digestFile(path, 'SHA256', { onBytes, signal: ctx.signal });
    const actual = hex.slice(0, CHECKSUM_DIGITS);
    if (actual === checksum) return;
    throw new BackupError(
      `Tarball checksum mismatch: filename contains '${checksum}' but actual checksum is '${actual}'. The file may have been modified or corrupted.`,
    );
  } finally {
    await watch.stop();
  }
}

async function refuseExisting({ name, catalog }: ServerScope, backupId: string): Promise<void> {
  const places = [infoPath(catalog.layout, backupId), backupPath(catalog.layout, backupId)];
  for (const path of places) {
    if (!(await exists(path))) continue;
    throw new BackupError(`Backup '${backupId}' already exists in the catalog for server '${name}'`, {
      level: 'exception',
    });
  }
}

interface Import {
  readonly tarball: string;
  /** Bytes. */
  readonly size: number;
  readonly settings: CodecSettings;
  readonly backupId: string;
  readonly identity: Identity;
}

async function takeIn(scope: ServerScope, work: Import): Promise<void> {
  const { backupId } = work;
  let judged: Judged;
  try {
    judged = await gather(scope, work);
    scope.signal.throwIfAborted();
    await decide(scope, judged);
  } catch (error) {
    await removeStaging(scope, backupId);
    throw inWords(error);
  }
  try {
    await publish(scope, backupId);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BackupError(`The import of backup '${backupId}' into server '${scope.name}' is not complete: ${reason}`, {
      cause,
      level: 'exception',
      hint: 'all of it is on disk: the next "barman cron" completes it',
    });
  }
  await removeStaging(scope, backupId);
}

/** The archive into the staging directory, judged and on disk. */
async function gather(scope: ServerScope, work: Import): Promise<Judged> {
  const { tarball, size, settings, backupId, identity } = work;
  const staging = new Staging(scope.catalog.layout, backupId);
  await staging.begin();
  const seen = { identity: false };
  let info: BackupInfo | undefined;
  for await (const member of membersOf(tarball, size, settings, MAX_MEMBERS)) {
    scope.signal.throwIfAborted();
    await staging.take(member);
    if (member.name === 'identity.json') {
      judgeIdentity(scope, text(staging, 'identity.json'), identity);
      seen.identity = true;
    }
    if (member.name === 'backup.info') {
      info = judgeRecord(scope, text(staging, 'backup.info'), backupId, `${staging.path}/backup.info`, identity);
    }
    refuseBomb(staging, info);
  }
  if (!seen.identity) text(staging, 'identity.json');
  if (info === undefined) {
    text(staging, 'backup.info');
    throw new Error('unreachable');
  }
  text(staging, 'xlog.db');
  const judged = await judgeWhole(scope, staging, info);
  await staging.settle();
  return judged;
}

function refuseBomb({ dataBytes }: Staging, info: BackupInfo | undefined): void {
  if (info?.size == null || dataBytes <= 2 * info.size + GRACE) return;
  throw new BackupError(`Tarball contains far more than the ${info.size} bytes that its backup.info tells`, {
    level: 'exception',
  });
}
