/** `barman check`. Source: docs/behaviour/check.md 1, cli.md 4.3. */
import { checkHeader, checkLine } from '../output/results/check.ts';
import { checkServer } from '../checks/run.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { selectServers } from '../server/select.ts';
import { stateOf } from '../domain/server-role.ts';

export interface CheckOptions {
  readonly serverNames: readonly string[];
  readonly nagios?: boolean;
  /** Seconds, 0 for no limit. */
  readonly checkTimeout?: number;
}

export async function run(ctx: CommandContext, options: CheckOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'every');
  await eachServer(ctx, servers, async (scope) => {
    const checked = { name: scope.name, state: stateOf(scope.role, scope.problems) };
    scope.output.result(checkHeader(checked));
    await checkServer(scope, {
      onResult: (result) => scope.output.result(checkLine(checked, result)),
      onNote: (text) => scope.output.info(text),
      timeoutSeconds: options.checkTimeout ?? scope.config.checkTimeout,
    });
  });
}
