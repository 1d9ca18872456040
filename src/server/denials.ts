/**
 * What the next run of a server needs and this user may not have: its locks, the directories it writes into, the index, the
 * files that wait. Somebody ran a command as root, or copied the tree.
 */
import { dirname, join } from 'node:path';
import { backupLock, type ServerActivity, serverLock } from '../catalog/layout.ts';
import { isObject } from '../domain/location.ts';
import { type Denial, denialOf, type Use } from '../host/access.ts';
import { listNames } from '../host/files.ts';
import type { ServerScope } from './scope.ts';

const ACTIVITIES: readonly ServerActivity[] = ['cron', 'backup', 'archive-wal', 'receive-wal', 'xlogdb', 'sync-wal'];

/** In the order in which a run would stumble over them; none for a directory below one that is denied. */
export async function findDenials(scope: ServerScope): Promise<readonly Denial[]> {
  const denials: Denial[] = [];
  const look = (path: string, use: Use) => {
    if (denials.some((denial) => path.startsWith(`${denial.path}/`))) return;
    const denial = denialOf(path, use);
    if (denial !== null && !denials.some((other) => other.path === denial.path)) denials.push(denial);
  };
  for (const path of await writtenPaths(scope)) look(path, 'write');
  for (const directory of queues(scope)) {
    if (denials.some(({ path }) => path === directory)) continue;
    for (const name of await listNames(directory)) {
      if (!name.startsWith('.') && !name.endsWith('.tmp')) look(join(directory, name), 'read');
    }
  }
  return denials;
}

async function writtenPaths(scope: ServerScope): Promise<readonly string[]> {
  const { catalog } = scope;
  const { layout } = catalog;
  const { backups } = await catalog.listBackups();
  return [
    layout.lockDirectory,
    ...ACTIVITIES.map((activity) => serverLock(layout, activity)),
    ...backups.map(({ backupId }) => backupLock(layout, backupId)),
    layout.backupDirectory,
    layout.metaDirectory,
    ...(isObject(layout.base) ? [] : [layout.baseDirectory]),
    ...queues(scope),
    layout.errorsDirectory,
    ...(isObject(layout.wals) ? [] : [layout.walsDirectory, ...(await lastFolders(scope))]),
    dirname(layout.xlogdb),
    layout.xlogdb,
  ];
}

/** Into which the next segments go, unless a new one is made. */
async function lastFolders({ catalog: { walStore } }: ServerScope): Promise<readonly string[]> {
  const names = [...(await walStore.lastOfTimelines()).values()];
  return names.flatMap((name) => walStore.localPath(name) ?? []).map(dirname);
}

/** The directories in which WAL arrives and waits. */
function queues({ config, role }: ServerScope): readonly string[] {
  if (!role.collects) return [];
  return [
    ...(config.archiver ? [config.incomingWalsDirectory] : []),
    ...(config.streamingArchiver ? [config.streamingWalsDirectory] : []),
  ];
}
