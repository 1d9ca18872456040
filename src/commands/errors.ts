/** `barman errors SERVER [--resolve]`: what the rejected WAL files are and what may be done with them. A command of our own. */
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';
import { judgeRejects, resolveRejects } from '../wal/rejects/judge-rejects.ts';
import { errorsResult } from '../output/results/errors.ts';

export interface ErrorsOptions {
  readonly serverName: string;
  readonly resolve?: boolean;
}

export async function run(ctx: CommandContext, options: ErrorsOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  await withServer(
    ctx,
    server,
    async (scope) => {
      const rejects = await judgeRejects(scope);
      const resolved = options.resolve === true ? await resolveRejects(scope) : new Set<string>();
      ctx.output.result(
        errorsResult({ server: scope.name, directory: scope.config.errorsDirectory, rejects, resolved }),
      );
    },
    { offline: true },
  );
}
