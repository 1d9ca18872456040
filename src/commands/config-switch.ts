/**
 * `barman config-switch SERVER MODEL`: apply a model to a server, or take it back. Source: docs/behaviour/cli.md 4.8.
 */
import { resetModel, switchModel } from '../maintenance/config-switch.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';

export interface ConfigSwitchOptions {
  readonly serverName: string;
  readonly modelName?: string;
  readonly reset?: boolean;
}

export async function run(ctx: CommandContext, options: ConfigSwitchOptions): Promise<void> {
  const { serverName, modelName, reset } = options;
  if (modelName === undefined && !reset) {
    ctx.output.error("Either a model name or '--reset' flag need to be given");
    return;
  }
  const server = await selectServer(ctx, serverName, 'every');
  if (server === undefined) return;
  const model = reset ? undefined : ctx.configuration.models.get(modelName ?? '');
  if (!reset && model === undefined) {
    ctx.output.error(`Unknown model '${modelName}'`);
    const models = [...ctx.configuration.models.values()].filter(({ cluster }) => cluster === server.config.cluster);
    ctx.output.hint(`models of this cluster: ${models.map(({ name }) => name).join(', ') || 'none'}`);
    return;
  }
  await withServer(ctx, server, (scope) => (model === undefined ? resetModel(scope) : switchModel(scope, model)), {
    offline: true,
  });
}
