/**
 * `barman switch-wal SERVER...`: close the current WAL segment, and wait for it if asked to.
 * Source: docs/behaviour/cli.md 4.28.
 */
import type { CommandContext } from '../server/context.ts';
import { selectServers } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { switchWal } from '../wal/switch.ts';

export interface SwitchWalOptions {
  readonly serverNames: readonly string[];
  readonly force?: boolean;
  readonly archive?: boolean;
  /** Seconds; 0 waits without limit. */
  readonly archiveTimeout?: number;
}

/** Seconds that --archive waits unless told otherwise. */
const DEFAULT_TIMEOUT = 30;

export async function run(ctx: CommandContext, options: SwitchWalOptions): Promise<void> {
  for (const server of await selectServers(ctx, options.serverNames, 'working')) {
    if (ctx.signal.aborted) return;
    await withServer(ctx, server, (scope) => switchServer(scope, options));
  }
}

async function switchServer(scope: ServerScope, options: SwitchWalOptions): Promise<void> {
  // Found only with the versions at hand, too late for the selection.
  const [problem] = scope.problems;
  if (problem !== undefined) {
    scope.output.error(problem);
    return;
  }
  const closed = await switchWal(scope, { force: options.force === true });
  if (options.archive !== true || closed === undefined) return;
  const timeoutSeconds = options.archiveTimeout ?? DEFAULT_TIMEOUT;
  const { waitForWal } = await import('../wal/wait.ts');
  await waitForWal(scope, closed, { timeoutSeconds: timeoutSeconds === 0 ? null : timeoutSeconds });
}
