/**
 * The wal_delete hook scripts around each file that catalog.removeWals deletes.
 * Source: docs/behaviour/backup.md 6, wal.md 9.
 */
import { hasHooks, runHooks, walHookVariables } from '../host/hooks.ts';
import type { WalRecord } from '../domain/wal/xlogdb.ts';
import type { ServerScope } from '../server/scope.ts';

export interface WalDeleteHooks {
  readonly before?: (record: WalRecord) => Promise<void>;
  readonly after?: (record: WalRecord) => Promise<void>;
}

/**
 * What to hand to `catalog.removeWals`; empty when no script is configured. A veto of the pre retry script ends the
 * removal with HookAbortError: that file and the rest stay.
 */
export function walDeleteHooks(scope: ServerScope): WalDeleteHooks {
  if (!hasHooks(scope.config, 'wal_delete')) return {};
  const run = (phase: 'pre' | 'post') => (record: WalRecord) =>
    runHooks(
      scope,
      scope.config,
      'wal_delete',
      phase,
      walHookVariables(record, scope.catalog.walStore.locate(record.name)),
    );
  return { before: run('pre'), after: run('post') };
}
