/**
 * rsync: its arguments and one run of it. Files are written under a temporary name in a directory of our own and renamed,
 * so that a file of the copy is whole or absent, and a hard link to an earlier backup is never written through.
 * Source: docs/behaviour/backup.md 5.4; rsync(1).
 */
import { createInterface } from 'node:readline';
import { CommandError } from '../domain/errors.ts';
import { type ListedEntry, parseListLine } from '../domain/text/rsync-listing.ts';
import { isAtLeast, judgeRsync, OLDEST_SOURCE, parseRsyncVersion } from '../domain/text/rsync-version.ts';
import { type CommandEnd, CommandFailure, reasonOf } from '../host/process/failure.ts';
import { startBoundChild } from '../host/process/parent-death.ts';
import { run } from '../host/process/run.ts';
import { which } from '../host/process/search-path.ts';

export interface Rsync {
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  /** Compares times to the nanosecond (rsync 3.1.3 and later). */
  readonly exactTimes: boolean;
}

/** Everything was copied. */
const DONE = 0;
/** Some files could not be transferred; some vanished meanwhile. rsync(1), "EXIT VALUES". */
const PARTIAL: ReadonlySet<number | null> = new Set([23, 24]);
const VANISHED = 24;

/** @throws CommandError when there is none on the path */
export async function findRsync(searchPath: string, env: NodeJS.ProcessEnv): Promise<Rsync> {
  const program = which('rsync', searchPath);
  if (program === undefined) throw new CommandError('rsync not found in $PATH', { hint: 'install rsync on this host' });
  const { stdout } = await run(program, ['--version'], { env, timeoutMs: 10_000 });
  const complaint = judgeRsync(stdout, OLDEST_SOURCE, `on this host ('${program}')`);
  if (complaint !== null) throw new CommandError(complaint, { hint: 'install a newer rsync on this host' });
  const version = parseRsyncVersion(stdout);
  return { program, env, exactTimes: version !== undefined && isAtLeast(version, [3, 1, 3]) };
}

export interface RsyncLink {
  /** The value of `-e`; null when the source is on this host. */
  readonly shell: string | null;
  /** Compress on the way. */
  readonly compress: boolean;
  /** kB/s; null or 0 for no limit. */
  readonly bandwidth: number | null;
}

function linkArgs({ shell, compress, bandwidth }: RsyncLink): string[] {
  return [
    ...(shell === null ? [] : ['-e', shell]),
    ...(compress && shell !== null ? ['-z'] : []),
    ...(bandwidth !== null && bandwidth > 0 ? [`--bwlimit=${bandwidth}`] : []),
  ];
}

/**
 * A source as rsync wants it. The host is part of the `-e` words already; rsync still insists on one, and a blank there
 * is nothing to a shell.
 */
function sourceArg(shell: string | null, path: string): string {
  return shell === null ? path : ` :${path}`;
}

export interface ListRequest {
  readonly link: RsyncLink;
  /** Ends with a slash. */
  readonly source: string;
  /** --include and --exclude, in order. */
  readonly filters: readonly string[];
  readonly signal: AbortSignal;
}

export function listArgs({ link, source, filters }: ListRequest): string[] {
  return [
    ...linkArgs({ ...link, bandwidth: null }),
    ...filters,
    '-rLpts',
    '--no-human-readable',
    '--list-only',
    sourceArg(link.shell, source),
  ];
}

/**
 * The tree below a source, entry by entry, parents first; nothing is held in memory.
 * @throws CommandFailure when rsync could not read all of it (files that vanish meanwhile are no failure)
 */
export async function* listTree(rsync: Rsync, request: ListRequest): AsyncGenerator<ListedEntry> {
  // The C locale escapes every byte beyond ASCII, which keeps names exact.
  const env = { ...rsync.env, TZ: 'UTC', LC_ALL: 'C' };
  const child = await startBoundChild(rsync.program, listArgs(request), 'KILL', {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    signal: request.signal,
  });
  try {
    const lines = child.stdout?.setEncoding('latin1');
    if (lines) {
      for await (const line of createInterface({ input: lines })) {
        const entry = parseListLine(line);
        if (entry !== undefined) yield entry;
      }
    }
    const end = await child.done;
    if (end.code !== DONE && end.code !== VANISHED) throw failureOf(end, end.stderr);
  } finally {
    child.end();
  }
}

export interface CopyRequest {
  readonly link: RsyncLink;
  readonly source: string;
  readonly destination: string;
  /** Names to copy below the source, separated by NUL; null copies the one file that `source` is. */
  readonly listFile: string | null;
  /** Where files are written before they get their names: on the filesystem of the destination. */
  readonly temporaryDirectory: string;
  /** Earlier copy in which unchanged files are found. */
  readonly reuse: { readonly kind: 'link' | 'copy'; readonly directory: string } | null;
  /** Compare contents, not size and time. */
  readonly checksum: boolean;
  /** A source that is not there is no failure. */
  readonly optional: boolean;
  readonly signal: AbortSignal;
}

export function copyArgs(exactTimes: boolean, request: CopyRequest): string[] {
  const { link, source, destination, listFile, reuse } = request;
  return [
    ...linkArgs(link),
    '-Lpts',
    `--temp-dir=${request.temporaryDirectory}`,
    ...(exactTimes ? ['--modify-window=-1'] : []),
    ...(reuse === null ? [] : [`--${reuse.kind}-dest=${reuse.directory}`]),
    ...(request.optional ? ['--ignore-missing-args'] : []),
    ...(request.checksum ? ['--checksum'] : []),
    ...(listFile === null ? [] : ['--no-implied-dirs', '--from0', `--files-from=${listFile}`]),
    sourceArg(link.shell, source),
    destination,
  ];
}

export type CopyVerdict = { readonly complete: true } | { readonly complete: false; readonly said: string };

/**
 * One run. `complete` false: some of the files were not copied, and what rsync said of them.
 * @throws CommandFailure for every other failure, CommandError when rsync cannot be started
 */
export async function copyFiles(rsync: Rsync, request: CopyRequest): Promise<CopyVerdict> {
  const env = { ...rsync.env, LC_ALL: 'C' };
  const args = copyArgs(rsync.exactTimes, request);
  const result = await run(rsync.program, args, { env, signal: request.signal, deathSignal: 'KILL' });
  if (result.code === DONE) return { complete: true };
  if (PARTIAL.has(result.code)) return { complete: false, said: result.stderr.trimEnd() };
  throw failureOf(result, `${result.stdout}${result.stderr}`);
}

export interface PushRequest {
  readonly link: RsyncLink;
  /** On this host: a directory with a slash at its end, or one file. */
  readonly source: string;
  readonly destination: string;
  /** What to copy below the source, separated by NUL: files, and directories without their content; null: everything. */
  readonly listFile: string | null;
  /** Writes the files of a list in place: a transfer that is cut off leaves no temporary names behind. */
  readonly inPlace: boolean;
  /** Compare contents, not size and time. */
  readonly compare: boolean;
  readonly signal: AbortSignal;
}

export function pushArgs({ link, source, destination, listFile, inPlace, compare }: PushRequest): string[] {
  return [
    ...linkArgs(link),
    ...(compare ? ['--checksum'] : []),
    ...(listFile === null
      ? ['-rLpts']
      : ['-Lpts', ...(inPlace ? ['--inplace'] : []), '--no-implied-dirs', '--from0', `--files-from=${listFile}`]),
    source,
    sourceArg(link.shell, destination),
  ];
}

/** Copies from this host to the other. @throws CommandFailure when anything was not copied */
export async function pushTree(rsync: Rsync, request: PushRequest): Promise<void> {
  const env = { ...rsync.env, LC_ALL: 'C' };
  const result = await run(rsync.program, pushArgs(request), { env, signal: request.signal, deathSignal: 'KILL' });
  if (result.code !== DONE) throw failureOf(result, `${result.stdout}${result.stderr}`);
}

/** rsync failed as a whole: what it said. */
function failureOf(end: CommandEnd, said: string): CommandFailure {
  return new CommandFailure(reasonOf(end, said), end);
}
