/** The tar archives of a compressed backup -> their destinations. Source: docs/behaviour/recovery.md 6.3. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../host/process/failure.ts';
import { run, type RunResult } from '../../host/process/run.ts';
import { which } from '../../host/process/search-path.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { backupArchiveOf } from '../../domain/codecs.ts';
import { RecoveryError } from '../../domain/errors.ts';
import type { ServerScope } from '../../server/scope.ts';
import { flushAhead } from '../../transfer/flush-ahead.ts';
import { sourceOfData } from '../plan.ts';

export interface Archive {
  readonly path: string;
  /** Bytes as stored. */
  readonly size: number;
  readonly option: readonly string[];
}

/**
 * The archives of a backup, by 'base' or tablespace oid.
 * @throws RecoveryError when one is missing or the program that reads it is
 */
export async function findArchives(
  scope: ServerScope,
  info: BackupInfo,
): Promise<ReadonlyMap<'base' | number, Archive>> {
  const format = backupArchiveOf(info.compression);
  if (!format) {
    throw new RecoveryError(`Cannot restore backup '${info.backupId}': unknown compression '${info.compression}'`);
  }
  for (const program of ['tar', format.program]) {
    if (program === null || which(program, scope.searchPath)) continue;
    throw new RecoveryError(`Cannot restore backup '${info.backupId}': the program '${program}' is not in the PATH`, {
      hint: `install ${program}`,
    });
  }
  const archives = new Map<'base' | number, Archive>();
  for (const key of ['base' as const, ...(info.tablespaces ?? []).map(({ oid }) => oid)]) {
    const path = join(sourceOfData(scope, info), `${key}${format.suffix}`);
    const facts = await lstat(path).catch(() => null);
    if (!facts?.isFile()) {
      throw new RecoveryError(`Cannot restore backup '${info.backupId}': its file '${path}' is missing`);
    }
    archives.set(key, { path, size: facts.size, option: format.tar });
  }
  return archives;
}

export interface Unpacking {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Unset where no progress is shown: tar then has nothing to tell. */
  readonly onBytes?: (bytes: number) => void;
  /** Names at the top of the archive that stay in it. */
  readonly excludes: readonly string[];
  /** One member that gets another name. */
  readonly rename?: { readonly from: string; readonly to: string };
}

/** tar's own unit: 20 blocks of 512 bytes. */
const RECORD_BYTES = 10_240;
const RECORDS_PER_REPORT = 1000;

/**
 * Unpacks one archive into a directory that exists. Nothing is flushed yet.
 * @throws RecoveryError with tar's own last words
 */
export async function unpackArchive(archive: Archive, directory: string, unpacking: Unpacking): Promise<void> {
  const { onBytes } = unpacking;
  const args = [
    '--extract',
    '--verbose',
    ...archive.option,
    `--file=${archive.path}`,
    '--directory',
    directory,
    '--same-permissions',
    '--force-local',
    '--anchored',
    ...unpacking.excludes.flatMap((name) => [`--exclude=${name}`, `--exclude=./${name}`]),
    ...(unpacking.rename ? [`--transform=${renameRule(unpacking.rename)}`] : []),
    ...(onBytes ? [`--checkpoint=${RECORDS_PER_REPORT}`] : []),
  ];
  const isReport = (line: string) => /: Read checkpoint \d+$/.test(line);
  const ahead = flushAhead(directory);
  let result: RunResult;
  try {
    result = await run('tar', args, {
      // tar reads options from its environment, and its reports must be in the language that is matched here.
      env: { ...unpacking.env, TAR_OPTIONS: '', LC_ALL: 'C' },
      signal: unpacking.signal,
      onLine: (line, stream) => {
        if (stream === 'stdout') ahead.began(line);
        else if (isReport(line)) onBytes?.(RECORD_BYTES * RECORDS_PER_REPORT);
      },
    });
  } finally {
    await ahead.stop();
  }
  unpacking.signal.throwIfAborted();
  if (result.code === 0) return;
  const details = result.stderr.split('\n').filter((line) => line !== '' && !isReport(line));
  throw new RecoveryError(
    `Failure copying base backup: Error decompressing ${archive.path} into ${directory}: ${reasonOf(result, details.join('\n'))}`,
  );
}

/** A sed expression for tar; the names are ours and plain. */
function renameRule({ from, to }: { from: string; to: string }): string {
  return `s,^\\(\\./\\)\\?${from.replaceAll('.', '\\.')}$,${to},`;
}
