/**
 * `barman rebuild-xlogdb SERVER...`: make the WAL index anew from the archived files.
 * Source: docs/behaviour/wal.md 2, cli.md 4.24.
 */
import type { CommandContext } from '../server/context.ts';
import { reportFailure } from '../server/each.ts';
import { selectServers } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { findForeign } from '../wal/content/foreign.ts';

export interface RebuildXlogdbOptions {
  readonly serverNames: readonly string[];
}

export async function run(ctx: CommandContext, options: RebuildXlogdbOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'working');
  for (const server of servers) {
    try {
      await withServer(ctx, server, (scope) => rebuild(scope), { offline: true });
    } catch (error) {
      // The index of another server may be just as badly needed.
      reportFailure(ctx.output, error);
    }
  }
}

async function rebuild(scope: ServerScope): Promise<void> {
  const { output, name, catalog } = scope;
  output.info(`Rebuilding xlogdb for server ${name}`);
  const { history, labels, segments, unread } = await catalog.rebuildXlogdb();
  output.info(
    `Done rebuilding xlogdb for server ${name} (history: ${history}, backup_labels: ${labels}, wal_file: ${segments})`,
  );
  const [foreign, ...others] = await findForeign(scope);
  if (foreign !== undefined) {
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    output.warning(`'${foreign.location}'${more} ${foreign.problem}: it is in the index, and no restore delivers it`);
  }
  if (unread === 0) return;
  output.error(`${unread} entries of the archive of server ${name} could not be read and are not in the index`);
  output.hint(`make what the warnings name readable, then run "barman rebuild-xlogdb ${name}" again`);
}
