/**
 * One backup into one file. The file gets its name when all of it is on disk, so a kill at any instant leaves at worst a
 * `.tmp` that the next export of this backup into the same directory removes.
 * Source: docs/behaviour/cli.md 4.13, catalog.md 13.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, lstat, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readAccountNames } from '../../host/account-names.ts';
import { compressorAt } from '../../codec/compression.ts';
import { isLink, listNames, syncDirectory, unlinkIfPresent } from '../../host/files.ts';
import { tarStream } from '../../codec/tar-writer.ts';
import { systemReason } from '../../host/system-reason.ts';
import { backupPath } from '../../catalog/layout.ts';
import { CODECS, type ExportCompression } from '../../domain/codecs.ts';
import { BackupError, errnoOf } from '../../domain/errors.ts';
import { exportName, exportStem } from '../../domain/backup/export-name.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { layoutOf, obstacleTo } from '../../domain/backup/backup-layout.ts';
import { watchProgress } from '../../transfer/progress.ts';
import type { ServerScope } from '../../server/scope.ts';
import { describeEnvironment } from './environment.ts';
import { members, requiredWals } from './members.ts';
import { withLock } from '../../server/locks.ts';

export interface ExportRequest {
  /** The backup as the administrator named it. */
  readonly backupId: string;
  readonly outputDirectory: string;
  readonly compression?: ExportCompression;
  readonly compressionLevel?: number;
}

const MAX_LEVEL = 9;

/** Says where the file is. @throws BackupError, WalError */
export async function exportBackup(scope: ServerScope, info: BackupInfo, request: ExportRequest): Promise<void> {
  await refuseUnfit(scope, info, request);
  scope.output.info(
    `Exporting backup '${request.backupId}' from server '${scope.name}' to '${request.outputDirectory}'`,
  );
  // Neither make of Barman deletes a backup whose lock is taken; its record is read again under it.
  const exported = async () => {
    const { backupId } = info;
    const current = await scope.catalog.getBackup(backupId);
    if (current === undefined) throw new BackupError(`Unknown backup '${backupId}' for server '${scope.name}'`);
    refuseUnfinished(scope, current, backupId);
    return writeExport(scope, current, request);
  };
  const path = await withLock(scope, 'export', exported, info.backupId);
  scope.output.info(`Export completed successfully: ${path}`);
}

/** In Barman's order. */
async function refuseUnfit(scope: ServerScope, info: BackupInfo, request: ExportRequest): Promise<void> {
  const subject = { backup: info.backupId, server: scope.name };
  const obstacle = obstacleTo('export', layoutOf(info, scope.catalog.layout), subject);
  if (obstacle?.trait === 'incremental') throw new BackupError(obstacle.words);
  refuseUnfinished(scope, info, request.backupId);
  if (obstacle !== null) throw new BackupError(obstacle.words);
  await refuseDirectory(request.outputDirectory);
  refuseLevel(request);
}

function refuseUnfinished(scope: ServerScope, { status }: BackupInfo, named: string): void {
  if (status === 'DONE') return;
  throw new BackupError(
    `Cannot export backup '${named}' from server '${scope.name}': backup status is '${status}', expected 'DONE'`,
  );
}

async function refuseDirectory(path: string): Promise<void> {
  const facts = await stat(path).catch(() => null);
  if (facts === null) throw new BackupError(`Output directory '${path}' does not exist`);
  if (!facts.isDirectory()) throw new BackupError(`Output directory '${path}' is not a directory`);
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new BackupError(`Output directory '${path}' does not have the required write and execute permissions`, {
      cause,
    });
  }
}

function refuseLevel({ compression, compressionLevel: level }: ExportRequest): void {
  if (level === undefined) return;
  if (compression === undefined) throw new BackupError('--compression-level requires --compression to be set');
  const { min } = CODECS[compression].exportLevels;
  if (level >= min && level <= MAX_LEVEL) return;
  const valid = Array.from({ length: MAX_LEVEL - min + 1 }, (_, index) => min + index).join(', ');
  throw new BackupError(
    `Invalid compression level '${level}' for algorithm '${compression}'. Valid levels are: ${valid}`,
  );
}

async function writeExport(scope: ServerScope, info: BackupInfo, request: ExportRequest): Promise<string> {
  const { backupId } = info;
  const identity = await scope.catalog.readIdentity();
  if (identity === null) {
    throw new BackupError(
      `No identity file found for server '${scope.name}'. The identity file is required to validate the backup during import.`,
    );
  }
  const root = backupPath(scope.catalog.layout, backupId);
  if (await isLink(root)) throw new BackupError(`'${root}' is a symbolic link: it cannot be exported`);
  const now = scope.now();
  const facts = {
    info,
    identity,
    environment: await describeEnvironment(now, scope.programEnv),
    ...(await requiredWals(scope, info)),
    accounts: await readAccountNames(),
    now,
  };
  const { outputDirectory: directory, compression = null } = request;
  await removeAbandoned(directory, scope.name, backupId, now);
  const stem = exportStem(scope.name, backupId, now);
  const temporary = join(directory, `${stem}.tmp`);
  try {
    const sha256 = await writeFlushed(scope, temporary, tarStream(members(scope, root, facts)), request);
    const path = join(directory, exportName(stem, sha256, compression));
    await rename(temporary, path);
    await syncDirectory(directory);
    return shown(directory, exportName(stem, sha256, compression));
  } catch (error) {
    await unlinkIfPresent(temporary).catch(() => {});
    if (errnoOf(error) === undefined) throw error;
    throw new BackupError(`cannot write '${temporary}': ${systemReason(error)}`, { cause: error });
  }
}

/** compat 3.20.1: the directory as it was typed. */
function shown(directory: string, name: string): string {
  return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
}

/** Writes the archive to a new file and flushes it; the SHA-256 of its bytes. */
async function writeFlushed(
  scope: ServerScope,
  path: string,
  archive: AsyncIterable<Buffer>,
  { compression, compressionLevel }: ExportRequest,
): Promise<string> {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const hash = createHash('sha256');
    let done = 0;
    const packer =
      compression === undefined
        ? new PassThrough()
        : compressorAt(compression, compressionLevel ?? CODECS[compression].exportLevels.usual, scope.codecs);
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        done += chunk.length;
        next(null, chunk);
      },
    });
    const watch = watchProgress(scope.output.progress, 'Exporting', async () => ({ done, total: null }));
    try {
      const sink = new Writable({
        write(chunk: Buffer, _encoding, next) {
          hash.update(chunk);
          writeAll(handle, chunk).then(() => next(), next);
        },
      });
      await pipeline(Readable.from(archive, { objectMode: false }), counted, packer, sink, { signal: scope.signal });
    } finally {
      await watch.stop();
    }
    await handle.sync();
    return hash.digest('hex');
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length;) from += (await handle.write(bytes, from)).bytesWritten;
}

/** Nobody writes a file for an hour without adding to it. Milliseconds. */
const ABANDONED = 3_600_000;

/** What killed exports of this very backup left in this directory. */
async function removeAbandoned(directory: string, server: string, backupId: string, now: Date): Promise<void> {
  const prefix = `backup-export-${server}-${backupId}-`;
  for (const name of await listNames(directory)) {
    if (!name.startsWith(prefix) || !/^\d{8}T\d{6}\.tmp$/.test(name.slice(prefix.length))) continue;
    const path = join(directory, name);
    const facts = await lstat(path).catch(() => null);
    if (facts?.isFile() && now.getTime() - facts.mtimeMs > ABANDONED) await unlinkIfPresent(path);
  }
}
