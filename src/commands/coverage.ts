/** `barman coverage SERVER...`: the moments that can be recovered to, the gaps, and what would be lost now. A command of our own. */
import { measureCoverage } from '../report/coverage.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { selectServers } from '../server/select.ts';
import { coverageResult } from '../output/results/coverage.ts';

export interface CoverageOptions {
  readonly serverNames: readonly string[];
}

export async function run(ctx: CommandContext, options: CoverageOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'every');
  const columns = process.stdout.isTTY ? process.stdout.columns : null;
  await eachServer(ctx, servers, async (scope) => {
    scope.output.result(coverageResult(await measureCoverage(scope), columns));
  });
}
