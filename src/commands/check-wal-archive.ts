/**
 * `barman check-wal-archive SERVER`: may a new cluster, or a new timeline, use this archive?
 * Source: docs/behaviour/wal.md 10, cli.md 4.6.
 */
import { parseWalName } from '../domain/wal/wal.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { serverHeadingResult } from '../output/results/check-archived-wal-range.ts';
import { walArchiveResult } from '../output/results/check-wal-archive.ts';

export interface CheckWalArchiveOptions {
  readonly serverName: string;
  /** Only WAL of this timeline and later ones is in the way. */
  readonly timeline?: number;
}

export async function run(ctx: CommandContext, { serverName, timeline }: CheckWalArchiveOptions): Promise<void> {
  const server = await selectServer(ctx, serverName, 'every');
  if (server === undefined) return;
  await withServer(ctx, server, (scope) => checkArchive(scope, timeline), { offline: true });
}

async function checkArchive(scope: ServerScope, timeline: number | undefined): Promise<void> {
  const { name } = scope;
  scope.output.result(serverHeadingResult(name, { [name]: {} }));
  const problem = await inTheWay(scope, timeline);
  if (problem === undefined) scope.output.result(walArchiveResult(name));
  else scope.output.error(`WAL archive check failed for server ${name}: ${problem}`);
}

/** What the index holds that must not be there; undefined when all is well. */
async function inTheWay({ catalog }: ServerScope, timeline: number | undefined): Promise<string | undefined> {
  let problem: string | undefined;
  let found = 0;
  await catalog.readWals(({ name }) => {
    if (timeline === undefined) {
      problem = 'Expected empty archive';
      return false;
    }
    const file = parseWalName(name);
    if (file === undefined) {
      problem = `Unexpected file ${name} found in WAL archive`;
      return false;
    }
    if (file.timeline >= timeline) found += 1;
    return true;
  });
  if (problem !== undefined || found === 0) return problem;
  return `Found ${found} file${found === 1 ? '' : 's'} in WAL archive equal to or newer than timeline ${timeline}`;
}
