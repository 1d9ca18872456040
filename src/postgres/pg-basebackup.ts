/**
 * pg_basebackup: which one, its arguments, one run of it. The arguments and their order are Barman's
 * (docs/behaviour/backup.md 4.2, 4.3); the password goes by the environment.
 */
import { delimiter, join } from 'node:path';
import { boundToParent, run, type RunResult, which } from '../host/process.ts';

export interface PgBasebackup {
  readonly path: string;
  /** `15.18`. */
  readonly version: string;
  readonly major: number;
}

/** The compression options of a server; `type` null leaves them all out. */
export interface BaseBackupCompression {
  readonly type: 'gzip' | 'lz4' | 'zstd' | 'none' | null;
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

/** The first pg_basebackup on the path that tells its version; undefined when there is none. */
export async function findPgBasebackup(searchPath: string, env: NodeJS.ProcessEnv): Promise<PgBasebackup | undefined> {
  for (const directory of searchPath.split(delimiter)) {
    if (directory === '' || which('pg_basebackup', directory) === undefined) continue;
    const path = join(directory, 'pg_basebackup');
    const result = await run(path, ['--version'], { env, timeoutMs: 10_000 }).catch(() => undefined);
    const version = result?.code === 0 ? /\s(\d+(?:\.\d+)*)/.exec(result.stdout)?.[1] : undefined;
    if (version !== undefined) return { path, version, major: Number.parseInt(version, 10) };
  }
  return undefined;
}

/** The argument vector for this release of pg_basebackup. */
export function baseBackupArgs(major: number, options: BaseBackupOptions): string[] {
  const args = [`--dbname=${options.dsn}`, '-v', '--no-password', `--pgdata=${options.destination}`];
  if (options.warehousepgDbid !== null) args.push(`--target-gp-dbid=${options.warehousepgDbid}`);
  if (major >= 10) args.push('--no-slot', '--wal-method=none');
  for (const { location, destination } of options.tablespaces) {
    args.push(`--tablespace-mapping=${escapeEquals(location)}=${escapeEquals(destination)}`);
  }
  if (options.maxRate !== null && options.maxRate > 0) args.push(`--max-rate=${options.maxRate}`);
  // Whoever calls flushes every file itself, in parallel, before the backup counts: once is enough.
  if (major >= 10) args.push('--no-sync');
  if (options.fastCheckpoint) args.push('--checkpoint=fast');
  return [...args, ...compressionArgs(major, options.compression)];
}

function compressionArgs(major: number, { type, format, location, level, workers }: BaseBackupCompression): string[] {
  if (type === null) return [];
  const args = [`--format=${format ?? 'tar'}`];
  if (major < 15) {
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
  program: PgBasebackup,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal; onLine: (line: string, stream: 'stdout' | 'stderr') => void },
): Promise<RunResult> {
  const [command, ...rest] = await boundToParent([program.path, ...args], 'KILL', options.env);
  return run(command, rest, options);
}
