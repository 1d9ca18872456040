/**
 * Where a restore may write: directories that are empty or missing, outside of the catalog, apart from each other.
 * Source: docs/behaviour/recovery.md 2 step 15.
 */
import { constants, type Stats } from 'node:fs';
import { access, lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { makeDirectory } from '../host/files.ts';
import type { ServerConfig } from '../config/options.ts';
import { systemReason } from '../host/system-reason.ts';
import { errnoOf, RecoveryError } from '../domain/errors.ts';
import { formatLocation, isObject, parseLocation } from '../domain/location.ts';
import { checkDeltaDestination, refuseStrangers } from './stages/delta.ts';
import type { PlannedTablespace, RecoveryPlan } from './plan.ts';

export const ADVICE =
  'To prevent accidental data loss, the destination must be empty. Please choose a different location or manually empty the folder.';

/** @throws RecoveryError when the destination, a tablespace or the WAL directory may not be written */
export async function checkDestinations(
  plan: RecoveryPlan,
  servers: Iterable<ServerConfig>,
  stagingWalDirectory: string | null,
): Promise<void> {
  if (!(await isEmptyPlace(plan.destination))) {
    if (!plan.delta) {
      throw new RecoveryError(
        `The restore operation cannot proceed because the destination folder '${plan.shownDestination}' is not empty. ${ADVICE}`,
      );
    }
    await checkDeltaDestination(plan.destination, plan.shownDestination);
  }
  for (const { path, location, name } of plan.tablespaces) {
    if (await isEmptyPlace(path)) continue;
    if (!plan.delta) {
      throw new RecoveryError(
        `The restore operation cannot proceed. The destination path '${location}' for the tablespace '${name}' is not empty. ${ADVICE.replace('the destination', 'the tablespace destination')}`,
      );
    }
    refuseStrangers(await readdir(path), path, name);
  }
  await refuseCatalog([plan.destination, ...plan.tablespaces.map(({ path }) => path)], servers);
  await refuseOverlaps(plan);
  if (stagingWalDirectory !== null) await checkWalDirectory(plan, stagingWalDirectory, servers);
}

/** True for a missing directory and for an empty one. Dot files count: Barman 3.20.1 overlooks and then deletes them. */
async function isEmptyPlace(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') {
      if ((await linkAt(path)) === null) return true;
      throw new RecoveryError(`'${path}' is a symbolic link to nowhere`, { hint: 'choose a directory' });
    }
    if (code === 'ENOTDIR') return false;
    throw new RecoveryError(`Cannot look into '${path}': ${systemReason(error)}`);
  }
}

async function linkAt(path: string): Promise<Stats | null> {
  const facts = await lstat(path).catch(() => null);
  return facts?.isSymbolicLink() ? facts : null;
}

/** The real path of a place that may not exist yet: links of its existing part are resolved. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) return path;
    return join(await realPlace(dirname(path)), basename(path));
  }
}

function isWithin(path: string, directory: string): boolean {
  const below = relative(directory, path);
  return below === '' || (below !== '..' && !below.startsWith('../'));
}

/** Nothing is ever restored into the catalog: a base backup there would be taken for one, or delete one. */
async function refuseCatalog(paths: readonly string[], servers: Iterable<ServerConfig>): Promise<void> {
  const places = await Promise.all(paths.map(realPlace));
  for (const server of servers) {
    const kept = [
      server.backupDirectory,
      formatLocation(server.basebackupsDirectory),
      formatLocation(server.walsDirectory),
      server.incomingWalsDirectory,
      server.streamingWalsDirectory,
      server.errorsDirectory,
      formatLocation(server.xlogdbDirectory),
    ].filter((directory) => !isObject(parseLocation(directory)));
    for (const directory of await Promise.all(kept.map(realPlace))) {
      const index = places.findIndex((place) => isWithin(place, directory) || isWithin(directory, place));
      if (index < 0) continue;
      throw new RecoveryError(
        `Cannot restore into '${paths[index]}': it is part of the catalog of server '${server.name}'`,
        {
          hint: 'choose a destination outside of the directories of Barman',
        },
      );
    }
  }
}

/** Names at the top of PGDATA: a tablespace below one of them would be mixed with the cluster itself. */
const CLUSTER_DIRECTORY = /^(?:base|global|log|barman_wal|pg_(?!tblspc_).*)$/;

async function refuseOverlaps({ destination, tablespaces }: RecoveryPlan): Promise<void> {
  const root = await realPlace(destination);
  const places = await Promise.all(
    tablespaces.map(async (tablespace) => ({ tablespace, place: await realPlace(tablespace.path) })),
  );
  const refuse = ({ name, location }: PlannedTablespace, reason: string) => {
    throw new RecoveryError(`Cannot restore tablespace '${name}' into '${location}': ${reason}`, {
      hint: `give it a directory of its own with --tablespace ${name}:DIRECTORY`,
    });
  };
  for (const [index, { tablespace, place }] of places.entries()) {
    if (isWithin(root, place)) refuse(tablespace, 'the destination directory is in it');
    const [top = ''] = relative(root, place).split('/');
    if (isWithin(place, root) && CLUSTER_DIRECTORY.test(top))
      refuse(tablespace, `'${top}' belongs to the cluster itself`);
    const other = places.find((candidate, at) => at !== index && isWithin(place, candidate.place));
    if (other) refuse(tablespace, `tablespace '${other.tablespace.name}' goes there`);
  }
}

/** recovery_end_command removes this directory as a whole when the recovery ends, so it must hold nothing else. */
async function checkWalDirectory(
  plan: RecoveryPlan,
  directory: string,
  servers: Iterable<ServerConfig>,
): Promise<void> {
  const refuse = (reason: string) => {
    throw new RecoveryError(`Cannot stage WAL files in '${directory}': ${reason}`, {
      hint: 'it is removed when the recovery ends: give a directory of its own with --staging-wal-directory',
    });
  };
  if (!(await isEmptyPlace(directory))) refuse('it is not empty');
  await refuseCatalog([directory], servers);
  const place = await realPlace(directory);
  const root = await realPlace(plan.destination);
  if (isWithin(root, place)) refuse('the destination directory is in it');
  const [top = ''] = relative(root, place).split('/');
  if (isWithin(place, root) && top !== 'barman_wal' && CLUSTER_DIRECTORY.test(top))
    refuse(`'${top}' belongs to the cluster`);
  for (const tablespace of plan.tablespaces) {
    const other = await realPlace(tablespace.path);
    if (isWithin(other, place) || isWithin(place, other)) refuse(`tablespace '${tablespace.name}' goes there`);
  }
}

/** Creates a directory (0700, its missing parents by umask) and proves that it can be written. */
export async function prepareDirectory(path: string): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    await makeDirectory(path, 0o700);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new RecoveryError(`Cannot create or write the directory '${path}': ${systemReason(error)}`, { cause: error });
  }
}
