/**
 * --delta-restore onto another host: the same rules as on this one (delta.ts), asked and carried out over there. Names travel
 * as lists on standard input, never inside a command.
 */
import type { Executor } from '../../host/executor.ts';
import { CommandError } from '../../domain/errors.ts';
import { reasonOf } from '../../host/process/failure.ts';
import { type Fate, judgeEntries, mayBeRunning, notOfPostgres, OBSOLETE_CONTROL_FILE, type Purge } from './delta.ts';
import { native, toBinary } from './copy.ts';

/** Exit 41: no cluster; 42: a server may run on it, its pid on standard output. */
const CHECK = `[ -f "$1/PG_VERSION" ] || exit 41
[ -e "$1/postmaster.pid" ] || exit 0
read -r pid < "$1/postmaster.pid" || pid=0
case $pid in ''|*[!0-9]*) pid=0 ;; esac
if [ "$pid" -eq 0 ] || kill -0 "$pid" 2>/dev/null || ps -p "$pid" >/dev/null 2>&1; then echo "$pid"; exit 42; fi`;

/** @throws RecoveryError when the destination is no PostgreSQL directory, or a server runs on it; CommandError */
export async function checkDeltaThere(host: Executor, path: string, shown: string): Promise<void> {
  const result = await host.run(['sh', '-c', CHECK, 'sh', path]);
  if (result.code === 41) throw notOfPostgres(shown);
  if (result.code === 42) throw mayBeRunning(path, shown, Number(result.stdout));
  if (result.code !== 0) throw new CommandError(reasonOf(result));
}

const HOLD = `cd "$1/global" 2>/dev/null || exit 0
[ ! -e pg_control ] || { mv -f pg_control "$2" && sync; }`;

/** Takes the control file away: from here to the end of the restore PostgreSQL does not start there. @throws CommandError */
export async function holdControlFileThere(host: Executor, destination: string): Promise<void> {
  await must(host, ['sh', '-c', HOLD, 'sh', destination, OBSOLETE_CONTROL_FILE]);
}

/** Three lists with an empty name behind each: directories, files, everything else. Links are not followed. */
const LIST = `cd "$1" && find . -mindepth 1 -type d -print0 && printf '\\0' && find . -type f -print0 && printf '\\0' && find . ! -type d ! -type f -print0 && printf '\\0'`;

/** Deletes there what the backup does not hold. @throws CommandError */
export async function purgeThere(host: Executor, directory: string, what: Purge): Promise<void> {
  const listing = await must(host, ['sh', '-c', LIST, 'sh', directory], { encoding: 'latin1' });
  const { files, directories } = chooseObsolete(listing, toBinary(directory), what);
  const remove = async (command: string, paths: readonly string[]) => {
    if (paths.length === 0) return;
    const input = native(paths.map((path) => `./${path}\0`).join(''));
    await must(host, ['sh', '-c', `cd "$1" && xargs -0 ${command}`, 'sh', directory], { input });
  };
  await remove('rm -f', files);
  await remove('rmdir', directories);
}

/** The obsolete entries of a listing as LIST makes it: binary paths below the root, directories children first. */
export function chooseObsolete(
  listing: string,
  root: string,
  what: Purge,
): { readonly files: readonly string[]; readonly directories: readonly string[] } {
  const kinds = ['directory', 'file', 'other'];
  const entries: { path: string; kind: string }[] = [];
  for (const name of listing.split('\0')) {
    if (name === '') kinds.shift();
    else entries.push({ path: name.slice('./'.length), kind: kinds[0] ?? 'other' });
  }
  // A directory comes before what is in it.
  entries.sort((left, right) => (left.path < right.path ? -1 : 1));
  const fateOf = judgeEntries(root, what);
  const fates = new Map<string, Fate>([['', 'enter']]);
  const obsolete = entries.filter(({ path, kind }) => {
    const parent = fates.get(path.slice(0, Math.max(0, path.lastIndexOf('/')))) ?? 'keep';
    const fate = parent === 'enter' ? fateOf(path, kind) : parent;
    if (kind === 'directory') fates.set(path, fate);
    return fate === 'remove';
  });
  const pathsOf = (isDirectory: boolean) =>
    obsolete.filter(({ kind }) => (kind === 'directory') === isDirectory).map(({ path }) => path);
  return { files: pathsOf(false), directories: pathsOf(true).toReversed() };
}

async function must(host: Executor, ...[command, options]: Parameters<Executor['run']>): Promise<string> {
  const result = await host.run(command, options);
  if (result.code !== 0) throw new CommandError(reasonOf(result));
  return result.stdout;
}
