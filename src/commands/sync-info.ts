/** `barman sync-info SERVER [LAST_WAL [LAST_POSITION]]`: what a passive node reads of its primary. Spec wal.md 11. */
import { once } from 'node:events';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import { type Server, withServer } from '../server/server.ts';

export interface SyncInfoOptions {
  readonly serverName: string;
  readonly lastWal?: string;
  /** Bytes. */
  readonly lastPosition?: number;
  readonly primary?: boolean;
}

export async function run(ctx: CommandContext, options: SyncInfoOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'run', disabled: 'run', passive: 'run' });
  if (config === undefined) return;
  const body = options.primary ? printPrimary : printOwn;
  await withServer(ctx, config, (server) => body(ctx, server, options), { offline: true });
}

async function printPrimary(ctx: CommandContext, server: Server, options: SyncInfoOptions): Promise<void> {
  if (!server.isPassive) {
    ctx.output.error(`server ${server.name} is not passive`);
    return;
  }
  const [problem] = server.problems;
  if (problem !== undefined) {
    ctx.output.error(problem);
    return;
  }
  const { fetchPrimaryInfo } = await import('../passive/primary-info.ts');
  const { documentResult } = await import('../output/results/document.ts');
  ctx.output.result(documentResult(await fetchPrimaryInfo(ctx, server, requestOf(options))));
}

async function printOwn(_ctx: CommandContext, server: Server, options: SyncInfoOptions): Promise<void> {
  const { syncDocument } = await import('../passive/sync-info.ts');
  // compat 3.20.1: the document itself, without a final newline, under -q and before the object of -f json too.
  for (const text of await syncDocument(server, requestOf(options))) {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  }
}

function requestOf({ lastWal, lastPosition }: SyncInfoOptions) {
  return { lastWal, lastPosition };
}
