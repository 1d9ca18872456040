/**
 * The model in force for a server, kept in `.active-model.auto` of its directory. Source: docs/behaviour/config.md 10.
 */
import { join } from 'node:path';
import { exists, syncDirectory, unlinkIfPresent, writeDurably } from '../host/files.ts';
import { optionValue } from '../config/options.ts';
import type { Model } from '../config/server-config.ts';
import { ConfigError } from '../domain/errors.ts';
import { pythonText } from '../output/python-text.ts';
import { withoutSecret } from '../domain/redaction.ts';
import { spelledOption } from '../config/option-text.ts';
import { restartReceiver } from './receiver.ts';
import type { ServerScope } from '../server/scope.ts';
import { withConfigurationLock } from '../server/locks.ts';

/**
 * Makes the model the active one and says what changes; receive-wal is started anew even when nothing did.
 * @throws ConfigError when the server has no directory yet
 */
export async function switchModel(scope: ServerScope, model: Model): Promise<void> {
  const { config, name } = scope;
  let streams = config.streamingArchiver;
  if (model.cluster !== config.cluster) {
    scope.output.error(
      `Model '${model.name}' has 'cluster=${model.cluster}', which is not compatible with 'cluster=${config.cluster ?? 'None'}' from server '${name}'`,
    );
  } else if (config.activeModel === model.name) {
    scope.output.info(`Model '${model.name}' is already active for server '${name}', skipping...`);
  } else {
    await withConfigurationLock(scope, { wait: true }, () => writeActiveModel(scope, model.name));
    scope.output.info(`Applying model '${model.name}' to server '${name}'`);
    reportChanges(scope, model);
    streams = (model.values.get('streaming_archiver') as boolean | undefined) ?? streams;
  }
  await restartReceiver(scope, streams);
}

/** Back to the server's own configuration. */
export async function resetModel(scope: ServerScope): Promise<void> {
  scope.output.info(`Resetting the active model for the server ${scope.name}`);
  await withConfigurationLock(scope, { wait: true }, async () => {
    const path = activeModelPath(scope);
    if (await unlinkIfPresent(path)) await syncDirectory(scope.catalog.layout.backupDirectory);
  });
  await restartReceiver(scope, scope.config.streamingArchiver);
}

function activeModelPath({ catalog }: ServerScope): string {
  return join(catalog.layout.backupDirectory, '.active-model.auto');
}

async function writeActiveModel(scope: ServerScope, model: string): Promise<void> {
  const directory = scope.catalog.layout.backupDirectory;
  if (!(await exists(directory))) {
    throw new ConfigError(`the directory '${directory}' of server '${scope.name}' does not exist`, {
      hint: `"barman check ${scope.name}" creates it`,
    });
  }
  await writeDurably(activeModelPath(scope), model);
}

function reportChanges(scope: ServerScope, model: Model): void {
  for (const [option, value] of model.values) {
    const text = (one: unknown) => withoutSecret(option, pythonText(spelledOption(option, one)));
    const [old, now] = [optionValue(scope.config, option), value].map(text);
    if (old === now) continue;
    scope.output.info(
      `Changing value of option '${option}' for server '${scope.name}' from '${old}' to '${now}' through the model '${model.name}'`,
    );
  }
}
