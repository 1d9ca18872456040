/**
 * `barman sync-info SERVER [LAST_WAL [LAST_POSITION]]`: what a passive node reads of its primary.
 * Source: docs/behaviour/wal.md 11.
 */
import { once } from 'node:events';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';

export interface SyncInfoOptions {
  readonly serverName: string;
  readonly lastWal?: string;
  /** Bytes. */
  readonly lastPosition?: number;
  readonly primary?: boolean;
}

export async function run(ctx: CommandContext, options: SyncInfoOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  const body = options.primary ? printPrimary : printOwn;
  await withServer(ctx, server, (scope) => body(scope, options), { offline: true });
}

async function printPrimary(scope: ServerScope, options: SyncInfoOptions): Promise<void> {
  if (!scope.role.isPassive) {
    scope.output.error(`server ${scope.name} is not passive`);
    return;
  }
  const [problem] = scope.problems;
  if (problem !== undefined) {
    scope.output.error(problem);
    return;
  }
  const { fetchPrimaryInfo } = await import('../passive/primary-info.ts');
  const { documentResult } = await import('../output/results/document.ts');
  scope.output.result(documentResult(await fetchPrimaryInfo(scope, requestOf(options))));
}

async function printOwn(scope: ServerScope, options: SyncInfoOptions): Promise<void> {
  const { syncDocument } = await import('../passive/sync-info.ts');
  // compat 3.20.1: the document itself, without a final newline, under -q and before the object of -f json too.
  for (const text of await syncDocument(scope, requestOf(options))) {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  }
}

function requestOf({ lastWal, lastPosition }: SyncInfoOptions) {
  return { lastWal, lastPosition };
}
