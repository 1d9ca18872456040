/**
 * `barman config-update JSON`: change options of servers and models. Source: docs/behaviour/cli.md 4.9, config.md 11.
 */
import { applyChanges } from '../maintenance/config-update/apply.ts';
import { readRequest, SectionRefused } from '../maintenance/config-update/request.ts';
import type { CommandContext } from '../server/context.ts';
import { CONFIGURATION_BUSY, withConfigurationLock } from '../server/locks.ts';

export interface ConfigUpdateOptions {
  readonly jsonChanges: string;
}

export async function run(ctx: CommandContext, options: ConfigUpdateOptions): Promise<void> {
  try {
    const changes = readRequest(options.jsonChanges, ctx.configuration);
    const outcome = await withConfigurationLock(ctx, { wait: false }, () => applyChanges(ctx, changes));
    if (outcome === 'done') return;
    ctx.output.error(CONFIGURATION_BUSY);
    ctx.output.hint('nothing was changed: type the command again');
  } catch (error) {
    if (!(error instanceof SectionRefused)) throw error;
    ctx.output.error(error.message);
    // compat 3.20.1: the hyphen is U+2010.
    ctx.output.error(`Aborting config‐update: invalid section ${error.section}`);
  }
}
