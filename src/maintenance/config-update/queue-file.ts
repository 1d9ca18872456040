/**
 * `cfg_changes.queue`: changes that were accepted and are not in the files yet. They leave it only when the files are
 * durable, so that a kill loses none and doing one twice changes nothing. Source: docs/behaviour/config.md 11.
 */
import { readFile } from 'node:fs/promises';
import { renameDurably, writeDurably } from '../../host/files.ts';
import { errnoOf } from '../../domain/errors.ts';
import type { CommandContext } from '../../server/context.ts';
import type { ChangeSet } from './change.ts';

/** One place of the queue: what we understand of it, and what stands there. */
export interface QueuedChange {
  readonly raw: unknown;
  /** undefined: it is no set of changes. */
  readonly set: ChangeSet | undefined;
}

/**
 * The queue in order; [] when there is none. A file that is no JSON list is put aside, with Barman's warning. Call it under
 * the configuration lock.
 */
export async function readQueue(ctx: CommandContext): Promise<readonly QueuedChange[]> {
  const path = ctx.configuration.global.configChangesQueue;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined || /^\s*\[\s*\]\s*$/.test(text)) return [];
  const { parseQueue, parseSet } = await import('./queue-format.ts');
  const items = parseQueue(text);
  if (items !== undefined) return items.map((raw) => ({ raw, set: parseSet(raw) }));
  ctx.output.warning(`Malformed or empty configuration change queue: ${path}`);
  if (text.trim() === '') {
    await writeQueue(ctx, []);
  } else {
    await renameDurably(path, `${path}.malformed`);
    ctx.output.warning(`its content is kept in ${path}.malformed`);
  }
  return [];
}

/** In the reference's form, which reads it too. */
export async function writeQueue(ctx: CommandContext, queue: readonly unknown[]): Promise<void> {
  await writeDurably(ctx.configuration.global.configChangesQueue, JSON.stringify(queue, null, 2));
}

export function queued({ section, changes }: ChangeSet): unknown {
  const items = changes.map(({ key, value, configFile }) => ({ key, value, config_file: configFile }));
  return { section, changes_set: items };
}
