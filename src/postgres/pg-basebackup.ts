/**
 * pg_basebackup: its arguments, one run of it. The arguments and their order are Barman's
 * (docs/behaviour/backup.md 4.2, 4.3); the password goes by the environment.
 */
import type { BackupCompression } from '../domain/codecs.ts';
import { has, type PostgresVersion } from '../domain/postgres-version.ts';
import { run, type RunResult } from '../host/process/run.ts';

/** The compression options of a server; `type` null leaves them all out. */
export interface BaseBackupCompression {
  readonly type: BackupCompression | null;
  readonly format: 'tar' | 'plain' | null;
  readonly location: 'client' | 'server' | null;
  readonly level: number | null;
  readonly workers: number | null;
}

export interface BaseBackupOptions {
  readonly dsn: string;
  /** Where PGDATA goes: an existing, empty directory. */
  readonly destination: string;
  readonly tablespaces: readonly { readonly location: string; readonly destination: string }[];
  /** Kilobytes a second; null or 0 for no limit. */
  readonly maxRate: number | null;
  readonly fastCheckpoint: boolean;
  readonly compression: BaseBackupCompression;
  readonly warehousepgDbid: number | null;
}

/** The argument vector for this release of pg_basebackup. */
export function baseBackupArgs(version: PostgresVersion, options: BaseBackupOptions): string[] {
  const args = [`--dbname=${options.dsn}`, '-v', '--no-password', `--pgdata=${options.destination}`];
  if (options.warehousepgDbid !== null) args.push(`--target-gp-dbid=${options.warehousepgDbid}`);
  if (has(version, 'basebackupWithoutWal')) args.push('--no-slot', '--wal-method=none');
  for (const { location, destination } of options.tablespaces) {
    args.push(`--tablespace-mapping=${escapeEquals(location)}=${escapeEquals(destination)}`);
  }
  if (options.maxRate !== null && options.maxRate > 0) args.push(`--max-rate=${options.maxRate}`);
  // Whoever calls flushes every file itself, in parallel, before the backup counts: once is enough.
  if (has(version, 'basebackupWithoutWal')) args.push('--no-sync');
  if (options.fastCheckpoint) args.push('--checkpoint=fast');
  return [...args, ...compressionArgs(version, options.compression)];
}

function compressionArgs(
  version: PostgresVersion,
  { type, format, location, level, workers }: BaseBackupCompression,
): string[] {
  if (type === null) return [];
  const args = [`--format=${format ?? 'tar'}`];
  if (!has(version, 'basebackupCompressionMethods')) {
    if (type === 'none') return [...args, '--compress=0'];
    return [...args, ...(level === null ? [] : [`--compress=${level}`]), '--gzip'];
  }
  const details = [
    ...(level === null ? [] : [`level=${level}`]),
    ...(workers === null ? [] : [`workers=${workers}`]),
  ].join(',');
  const method = `${location === null ? '' : `${location}-`}${type}`;
  return [...args, `--compress=${method}${details === '' ? '' : `:${details}`}`];
}

/** pg_basebackup splits a mapping at its first bare `=`. */
function escapeEquals(path: string): string {
  return path.replaceAll('=', '\\=');
}

/**
 * Runs it to its end; a non-zero exit is a result. Where setpriv(1) is installed, the kernel ends pg_basebackup should we
 * be killed, so that no orphan goes on writing into a backup that nobody watches.
 * @throws CommandError when it cannot be started
 */
export async function runPgBasebackup(
  path: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal; onLine: (line: string, stream: 'stdout' | 'stderr') => void },
): Promise<RunResult> {
  return run(path, args, { ...options, deathSignal: 'KILL' });
}
