/** `barman check`. Source: spec check.md 1, cli.md 4.3. */
import { checkHeader, checkLine } from '../output/results/check.ts';
import { checkServer } from '../checks/run.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { selectServers } from '../server/select.ts';

export interface CheckOptions {
  readonly serverNames: readonly string[];
  readonly nagios?: boolean;
  /** Seconds, 0 for no limit. */
  readonly checkTimeout?: number;
}

export async function run(ctx: CommandContext, options: CheckOptions): Promise<void> {
  const configs = await selectServers(ctx, options.serverNames, { inactive: 'run', disabled: 'run', passive: 'run' });
  await eachServer(ctx, configs, async ({ output, ...rest }, server) => {
    const checked = { name: server.name, isActive: server.isActive, isDisabled: server.problems.length > 0 };
    output.result(checkHeader(checked));
    await checkServer({ output, ...rest }, server, {
      onResult: (result) => output.result(checkLine(checked, result)),
      onNote: (text) => output.info(text),
      timeoutSeconds: options.checkTimeout ?? server.config.checkTimeout,
    });
  });
}
