/**
 * The locks of a server, as what they are taken for. Here alone stands which lock files a piece of work takes, in which order,
 * whether it waits for their holder, and what is said or thrown when it does not. The order for all: the server's lock, then
 * that of one backup, then that of the index (which the catalog takes by itself, for moments). Source: docs/behaviour/catalog.md 7.
 */
import { join } from 'node:path';
import { annotationPath, backupLock, type ServerActivity, serverLock } from '../catalog/layout.ts';
import { BackupError, type BarmanError, LockBusyError, RecoveryError, WalError } from '../domain/errors.ts';
import { exists } from '../host/files.ts';
import { acquireLock, type HeldLock, lockHolder } from '../host/lock.ts';
import type { CommandContext } from './context.ts';
import type { ServerScope } from './scope.ts';

/** What another process holds, to whoever comes second. */
interface Refused {
  readonly scope: ServerScope;
  readonly backupId: string;
  /** The lock file. */
  readonly path: string;
}

interface Row {
  /** Lock files, in the order in which they are taken: of an activity, or of the one backup. */
  readonly files: readonly (ServerActivity | 'one backup')[];
  readonly wait?: true;
  /** So often, 50 ms apart: every command of Barman probes the locks of its server at its start. */
  readonly attempts?: number;
  /** Reports the refusal, or returns what is to be thrown. Silent where the work is somebody else's then. */
  readonly refuse?: (refused: Refused) => BarmanError | void | Promise<BarmanError | undefined>;
}

const ATTEMPT_PAUSE = 50;

const ROWS = {
  backup: {
    files: ['backup'],
    attempts: 3,
    refuse: ({ scope }) => scope.output.error('Another backup process is running'),
  },
  delete: {
    files: ['backup'],
    refuse: ({ scope }) =>
      scope.output.error(`Another process in running on server ${scope.name}. Impossible to delete the backup.`),
  },
  /** Retention and delete have their own words, or none: each backup of a list may be held. */
  'remove backup': { files: ['one backup'] },
  'repair backups': { files: ['backup'] },
  'check backup': {
    files: ['one backup'],
    refuse: ({ scope, backupId }) => scope.output.info(heldBackup(scope, backupId)),
  },
  keep: { files: ['one backup'], wait: true },
  'generate manifest': { files: ['one backup'], wait: true },
  export: {
    files: ['one backup'],
    refuse: ({ scope, backupId }) =>
      new BackupError(`Another backup operation is already running on backup '${backupId}' for server '${scope.name}'`),
  },
  import: {
    files: ['backup', 'one backup'],
    refuse: ({ scope }) => new BackupError(`Another backup operation is already running on server '${scope.name}'`),
  },
  /** Restoring needs no lock, it only keeps others from deleting: another restore or check-backup may hold it. */
  restore: {
    files: ['one backup'],
    refuse: async ({ scope, backupId, path }) => {
      if (await exists(annotationPath(scope.catalog.layout, backupId, 'delete_this'))) {
        return new RecoveryError(
          `Cannot restore from backup '${backupId}' of server '${scope.name}': it is being deleted`,
          { hint: `choose another backup: barman list-backups ${scope.name}` },
        );
      }
      tellUnlocked(scope, backupId, path);
      return undefined;
    },
  },
  archive: {
    files: ['archive-wal'],
    refuse: ({ scope }) => scope.output.info(archiving(scope)),
  },
  'archive silently': { files: ['archive-wal'] },
  /** A pass of archive-wal is short. */
  'archive received': {
    files: ['archive-wal'],
    attempts: 200,
    refuse: ({ scope }) =>
      new WalError(`archive-wal is at work on server '${scope.name}': what was received could not be archived`, {
        hint: 'type the command again when it has ended',
      }),
  },
  'resolve rejects': {
    files: ['archive-wal'],
    refuse: ({ scope }) =>
      new WalError(`archive-wal is at work on server '${scope.name}': nothing was resolved`, {
        hint: 'type the command again when it has ended',
      }),
  },
  receive: {
    files: ['receive-wal'],
    refuse: ({ scope }) =>
      scope.output.error(`Another receive-wal process is already running for server ${scope.name}.`),
  },
  'reset receiver': {
    files: ['receive-wal'],
    refuse: ({ scope }) =>
      scope.output.error(
        `Unable to reset the status of receive-wal for server ${scope.name}. Process is still running`,
      ),
  },
  cron: {
    files: ['cron'],
    refuse: ({ scope }) =>
      scope.output.info(`Another cron process is already running on server ${scope.name}. Skipping to the next server`),
  },
} as const satisfies Readonly<Record<string, Row>>;

/** What a lock is taken for. */
export type Work = keyof typeof ROWS;

/** What the log says of a restore that goes on without its lock. */
export function tellUnlocked(scope: ServerScope, backupId: string, reason: string): void {
  scope.log.named('barman.recovery_executor').info(`backup ${backupId} is not locked during its restore: ${reason}`);
}

/** `heldBackup` and `archiving` are also what cron says when it only looks. */
export function heldBackup({ name }: ServerScope, backupId: string): string {
  return `Another process is holding the lock for backup ${backupId} of server ${name}.`;
}

export function archiving({ name }: ServerScope): string {
  return `Another archive-wal process is already running on server ${name}. Skipping to the next server`;
}

/**
 * Takes the locks of a piece of work; undefined when another process has one, which is said. Work on one backup names it.
 * @throws BarmanError where the refusal is one; LockDeniedError when a lock file may not be opened
 */
export async function takeLock(scope: ServerScope, work: Work, backupId = ''): Promise<HeldLock | undefined> {
  const row: Row = ROWS[work];
  const held: HeldLock[] = [];
  const release = async () => {
    for (const lock of held.toReversed()) await lock.release();
  };
  try {
    for (const path of paths(scope, row, backupId)) held.push(await patiently(path, row));
  } catch (error) {
    await release();
    if (!(error instanceof LockBusyError)) throw error;
    const refusal = await row.refuse?.({ scope, backupId, path: error.message });
    if (refusal === undefined) return undefined;
    throw refusal;
  }
  return { path: held[0]?.path ?? '', release };
}

/** Runs `body` under the locks of a piece of work; undefined when they were refused. See takeLock. */
export async function withLock<T>(
  scope: ServerScope,
  work: Work,
  body: () => Promise<T>,
  backupId = '',
): Promise<T | undefined> {
  const lock = await takeLock(scope, work, backupId);
  if (lock === undefined) return undefined;
  try {
    return await body();
  } finally {
    await lock.release();
  }
}

/** Who does a piece of work now; undefined when nobody does. Nothing is created or taken. */
export function holderOf(
  scope: ServerScope,
  work: Work,
  backupId = '',
): Promise<{ readonly pid: number | null } | undefined> {
  return lockHolder(paths(scope, ROWS[work], backupId)[0] ?? '');
}

function paths({ catalog: { layout } }: ServerScope, { files }: Row, backupId: string): string[] {
  return files.map((file) => (file === 'one backup' ? backupLock(layout, backupId) : serverLock(layout, file)));
}

async function patiently(path: string, { attempts = 1, wait }: Row): Promise<HeldLock> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await acquireLock(path, { wait: wait === true });
    } catch (error) {
      if (!(error instanceof LockBusyError) || attempt >= attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_PAUSE));
    }
  }
}

/** The locks of a whole barman_home. */
const HOME_FILES = {
  /** Files of the configuration and the queue of changes. */
  configuration: '.config-update.lock',
  /** One daemon for each barman_home; Barman itself defines this lock and does not use it. */
  daemon: '.cron.lock',
} as const;

/** What a second process hears. */
export const CONFIGURATION_BUSY = 'another process is updating barman configuration files';

/** Runs `body` while nobody else changes the configuration. 'busy', and nothing is run, when somebody does who is not waited for. */
export async function withConfigurationLock(
  ctx: CommandContext,
  options: { readonly wait: boolean },
  body: () => Promise<void>,
): Promise<'done' | 'busy'> {
  const lock = await takeHomeLock(ctx, 'configuration', options.wait);
  if (typeof lock === 'string') return 'busy';
  try {
    await body();
    return 'done';
  } finally {
    await lock.release();
  }
}

/** The lock of `cron --daemon`; null when another one runs, which is said. */
export async function takeDaemonLock(ctx: CommandContext): Promise<HeldLock | null> {
  const lock = await takeHomeLock(ctx, 'daemon', false);
  if (typeof lock !== 'string') return lock;
  ctx.output.error(`Another "barman cron --daemon" is already running: it holds '${lock}'`);
  return null;
}

/** The lock, or the path of the file that another process holds. */
async function takeHomeLock(
  ctx: CommandContext,
  name: keyof typeof HOME_FILES,
  wait: boolean,
): Promise<HeldLock | string> {
  const path = join(ctx.configuration.global.barmanLockDirectory, HOME_FILES[name]);
  try {
    return await acquireLock(path, { wait });
  } catch (error) {
    if (error instanceof LockBusyError) return path;
    throw error;
  }
}
