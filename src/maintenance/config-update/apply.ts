/**
 * Queued changes -> configuration files, by config-update at once and by every cron. Files first, then the queue; a set
 * that cannot be applied stays in the queue and keeps none of the others; when it can be applied later, it does not bring
 * back what was changed anew meanwhile. Source: docs/behaviour/config.md 11.
 */
import { constants } from 'node:fs';
import { access, chmod, readFile, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { unlinkIfPresent, writeDurably } from '../../host/files.ts';
import { withOption } from '../../config/edit-file.ts';
import { OPTIONS } from '../../config/options.ts';
import { decodeUtf8 } from '../../config/utf8.ts';
import { ConfigError, errnoOf, messageOf } from '../../domain/errors.ts';
import { roleOf } from '../../domain/server-role.ts';
import { putInForce } from '../../config/in-force.ts';
import type { CommandContext } from '../../server/context.ts';
import { withoutSecret } from '../../domain/redaction.ts';
import { restartReceiver } from '../receiver.ts';
import { CONFIGURATION_BUSY, withConfigurationLock } from '../../server/locks.ts';
import { withServer } from '../../server/with-server.ts';
import { type QueuedChange, queued, readQueue, writeQueue } from './queue-file.ts';
import { automaticFile, type Change, type ChangeSet, valueProblem } from './change.ts';

/**
 * Queues `added` behind what waits already, then applies everything. Call it under the configuration lock. compat 3.20.1:
 * with `added`, even an empty one, the queue file is there afterwards.
 */
export async function applyChanges(ctx: CommandContext, added?: readonly ChangeSet[]): Promise<void> {
  // Nobody writes them while the lock is ours.
  for (const path of [ctx.configuration.global.configChangesQueue, automaticFile(ctx.configuration)])
    await unlinkIfPresent(`${path}.tmp`);
  const waiting: readonly QueuedChange[] = [
    ...(await readQueue(ctx)),
    ...(added ?? []).map((set) => ({ raw: queued(set), set })),
  ];
  // Those that could not be applied, and those that are still to be.
  let failed: readonly QueuedChange[] = [];
  const save = (rest: readonly QueuedChange[]) =>
    writeQueue(
      ctx,
      [...failed, ...rest].map(({ raw }) => raw),
    );
  if (added !== undefined) await save(waiting);
  const changed = new Set<string>();
  for (const [index, item] of waiting.entries()) {
    const { set } = item;
    try {
      if (set === undefined) throw new ConfigError('it holds an entry that is no set of changes');
      await applySet(ctx, set);
      changed.add(set.section);
      failed = failed.flatMap((older) => withoutOutdated(older, set));
    } catch (error) {
      ctx.output.error('Unable to process a set of changes. Exiting.');
      ctx.output.error(`${messageOf(error)}: the changes stay in '${ctx.configuration.global.configChangesQueue}'`);
      failed = [...failed, item];
      continue;
    }
    await save(waiting.slice(index + 1));
  }
  for (const section of changed) await restart(ctx, section);
}

/** For cron: what config-update could not finish. Its failure keeps no server from its maintenance. */
export async function applyPendingChanges(ctx: CommandContext): Promise<void> {
  try {
    const outcome = await withConfigurationLock(ctx, { wait: false }, () => applyChanges(ctx));
    if (outcome === 'busy') ctx.output.warning(CONFIGURATION_BUSY);
  } catch (error) {
    ctx.output.error(messageOf(error));
  }
}

/** What is left of a waiting set when `newer` was applied: the newest value of an option is the one that counts. */
function withoutOutdated(older: QueuedChange, newer: ChangeSet): readonly QueuedChange[] {
  const { set } = older;
  if (set?.section !== newer.section) return [older];
  const changes = set.changes.filter(({ key }) => !newer.changes.some((change) => change.key === key));
  if (changes.length === set.changes.length) return [older];
  const rest = { ...set, changes };
  return changes.length === 0 ? [] : [{ raw: queued(rest), set: rest }];
}

async function applySet(ctx: CommandContext, { section, changes }: ChangeSet): Promise<void> {
  const texts = new Map<string, string>();
  for (const change of changes) {
    const { key, value, configFile } = change;
    checkChange(ctx, section, change);
    const text = texts.get(configFile) ?? (await readText(configFile));
    texts.set(configFile, withOption(text, section, key, value, configFile));
    const old = ctx.configuration.sections.get(section)?.get(key)?.raw ?? 'None';
    const shown = [withoutSecret(key, old), withoutSecret(key, value)];
    ctx.output.info(
      `Changing value of option '${key}' for section '${section}' from '${shown[0]}' to '${shown[1]}' through config-update.`,
    );
  }
  for (const [path, text] of texts) await replaceText(path, text);
}

/** The queue is a file that anybody may have edited: it reaches no file that is not configuration already. */
function checkChange(
  { configuration: config }: CommandContext,
  section: string,
  { key, value, configFile }: Change,
): void {
  const known = new Set([resolve(config.path), automaticFile(config)]);
  for (const options of config.sections.values())
    for (const { origin } of options.values()) known.add(resolve(origin.file));
  if (!known.has(resolve(configFile))) throw new ConfigError(`'${configFile}' is no configuration file of this Barman`);
  if (key !== 'model' && !Object.hasOwn(OPTIONS, key)) throw new ConfigError(`'${key}' is no option`);
  if (['barman', 'all', 'DEFAULT', ''].includes(section) || /[\p{Cc}\p{Cs}[\]/]/u.test(section)) {
    throw new ConfigError(`'${section}' cannot be changed by config-update`);
  }
  const problem = valueProblem(config, section, key, value);
  if (problem !== null) throw new ConfigError(`option '${key}' of [${section}]: ${problem}`);
}

async function readText(path: string): Promise<string> {
  try {
    return decodeUtf8(await readFile(path), path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Behind a symlink the file itself is replaced; who may read it stays as it was. */
async function replaceText(name: string, text: string): Promise<void> {
  const path = await realpath(name).catch(() => name);
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) {
    await writeDurably(path, text);
    return;
  }
  await access(path, constants.W_OK);
  const mode = facts.mode & 0o7777;
  // Never more readable than the old one, not even for a moment: it may hold passwords.
  await writeDurably(path, text, { mode });
  await chmod(path, mode);
}

/** With the configuration of the start of this command: the new values take effect with the next one. */
async function restart(ctx: CommandContext, section: string): Promise<void> {
  const config = ctx.configuration.servers.get(section);
  if (config === undefined) return;
  if (!roleOf(config).isActive) {
    ctx.output.info(`Skipping inactive server '${section}'`);
    return;
  }
  await withServer(ctx, putInForce(config), (scope) => restartReceiver(scope, scope.config.streamingArchiver), {
    offline: true,
  });
}
