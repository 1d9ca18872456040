/**
 * What cron puts right after processes that were killed, in the order in which it is done. `applies` looks for traces and must
 * be cheap, as it runs every minute for every server; what is large is loaded only when there are some. The scheduler
 * (`cron --daemon`) comes here through the cron that it starts.
 */
import { hasInterruptedBackups, repairInterruptedBackups } from '../backup/repair.ts';
import { importedId } from '../catalog/layout.ts';
import { listNames } from '../host/files.ts';
import { hasStages, removeStaleStages, stagingFolder } from '../restore/stage.ts';
import type { CommandContext } from '../server/context.ts';
import type { ServerScope } from '../server/scope.ts';
import { applyPendingChanges } from './config-update/apply.ts';
import { hasInterruptedDelete } from './delete/interrupted.ts';
import { hasLeftovers, removeLeftovers } from './leftovers.ts';
import { cleanLockDirectory } from './lock-cleanup.ts';

/** Before the work of this run is started, or when all of it has been. */
export type Moment = 'before the work' | 'after the work';

export interface Repair<Subject> {
  readonly name: string;
  readonly moment: Moment;
  applies(subject: Subject): boolean | Promise<boolean>;
  run(subject: Subject): Promise<void>;
}

/** For each active server, under its cron lock. */
export const SERVER_REPAIRS: readonly Repair<ServerScope>[] = [
  {
    name: 'interrupted backups',
    moment: 'before the work',
    applies: async (scope) => scope.role.collects && (await hasInterruptedBackups(scope)),
    run: repairInterruptedBackups,
  },
  {
    name: 'interrupted imports',
    moment: 'before the work',
    applies: async ({ role, catalog }) =>
      role.collects && (await listNames(catalog.layout.baseDirectory)).some((name) => importedId(name) !== undefined),
    run: async (scope) => {
      const { finishInterruptedImports } = await import('../exchange/import/publish.ts');
      await finishInterruptedImports(scope);
    },
  },
  {
    name: 'temporary files',
    moment: 'after the work',
    applies: hasLeftovers,
    run: removeLeftovers,
  },
  {
    name: 'interrupted deletes',
    moment: 'after the work',
    applies: hasInterruptedDelete,
    run: async (scope) => {
      const { finishInterruptedDeletes } = await import('./retention.ts');
      await finishInterruptedDeletes(scope);
    },
  },
];

/** Once in each run. */
export const HOME_REPAIRS: readonly Repair<CommandContext>[] = [
  {
    name: 'changes of the configuration',
    moment: 'before the work',
    // Only under their lock can it be told.
    applies: () => true,
    run: applyPendingChanges,
  },
  {
    name: 'directories of restores',
    moment: 'after the work',
    applies: (ctx) => hasStages(stagingFolders(ctx)),
    run: (ctx) => removeStaleStages(ctx, stagingFolders(ctx)),
  },
  {
    name: 'lock files',
    moment: 'after the work',
    applies: (ctx) => ctx.configuration.global.lockDirectoryCleanup,
    run: cleanLockDirectory,
  },
];

/** Walks the rows of one moment. A row that fails keeps the later ones from their turn. */
export async function repair<Subject>(
  repairs: readonly Repair<Subject>[],
  moment: Moment,
  subject: Subject,
): Promise<void> {
  for (const row of repairs) {
    if (row.moment === moment && (await row.applies(subject))) await row.run(subject);
  }
}

function stagingFolders({ configuration }: CommandContext): readonly string[] {
  return [...configuration.servers.values()].map((config) => stagingFolder(config));
}
