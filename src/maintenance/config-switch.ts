/** The model in force for a server, kept in `.active-model.auto` of its directory. Source: spec config.md section 10. */
import { join } from 'node:path';
import { exists, syncDirectory, unlinkIfPresent, writeDurably } from '../host/files.ts';
import { optionValue } from '../config/options.ts';
import type { Model } from '../config/server-config.ts';
import { ConfigError } from '../domain/errors.ts';
import { pythonText } from '../output/python-text.ts';
import { withConfigurationLock } from './config-update/apply.ts';
import type { CommandContext } from '../server/context.ts';
import { withoutSecret } from '../config/option-json.ts';
import { spelledOption } from '../config/option-text.ts';
import { restartReceiver } from './receiver.ts';
import type { Server } from '../server/server.ts';

/**
 * Makes the model the active one and says what changes; receive-wal is started anew even when nothing did.
 * @throws ConfigError when the server has no directory yet
 */
export async function switchModel(ctx: CommandContext, server: Server, model: Model): Promise<void> {
  const { config, name } = server;
  let streams = config.streamingArchiver;
  if (model.cluster !== config.cluster) {
    ctx.output.error(
      `Model '${model.name}' has 'cluster=${model.cluster}', which is not compatible with 'cluster=${config.cluster ?? 'None'}' from server '${name}'`,
    );
  } else if (config.activeModel === model.name) {
    ctx.output.info(`Model '${model.name}' is already active for server '${name}', skipping...`);
  } else {
    await withConfigurationLock(ctx, { wait: true }, () => writeActiveModel(server, model.name));
    ctx.output.info(`Applying model '${model.name}' to server '${name}'`);
    reportChanges(ctx, server, model);
    streams = (model.values.get('streaming_archiver') as boolean | undefined) ?? streams;
  }
  await restartReceiver(ctx, server, streams);
}

/** Back to the server's own configuration. */
export async function resetModel(ctx: CommandContext, server: Server): Promise<void> {
  ctx.output.info(`Resetting the active model for the server ${server.name}`);
  await withConfigurationLock(ctx, { wait: true }, async () => {
    const path = activeModelPath(server);
    if (await unlinkIfPresent(path)) await syncDirectory(server.catalog.layout.backupDirectory);
  });
  await restartReceiver(ctx, server, server.config.streamingArchiver);
}

function activeModelPath({ catalog }: Server): string {
  return join(catalog.layout.backupDirectory, '.active-model.auto');
}

async function writeActiveModel(server: Server, model: string): Promise<void> {
  const directory = server.catalog.layout.backupDirectory;
  if (!(await exists(directory))) {
    throw new ConfigError(`the directory '${directory}' of server '${server.name}' does not exist`, {
      hint: `"barman check ${server.name}" creates it`,
    });
  }
  await writeDurably(activeModelPath(server), model);
}

function reportChanges(ctx: CommandContext, { name, config }: Server, model: Model): void {
  for (const [option, value] of model.values) {
    const text = (one: unknown) => withoutSecret(option, pythonText(spelledOption(option, one)));
    const [old, now] = [optionValue(config, option), value].map(text);
    if (old === now) continue;
    ctx.output.info(
      `Changing value of option '${option}' for server '${name}' from '${old}' to '${now}' through the model '${model.name}'`,
    );
  }
}
