/**
 * `barman config-update JSON`: change options of servers and models. Source: docs/behaviour/cli.md 4.9, config.md 11.
 */
import { LockBusyError } from '../domain/errors.ts';
import { applyChanges, withConfigurationLock } from '../maintenance/config-update/apply.ts';
import { readRequest, SectionRefused } from '../maintenance/config-update/request.ts';
import type { CommandContext } from '../server/context.ts';

export interface ConfigUpdateOptions {
  readonly jsonChanges: string;
}

export async function run(ctx: CommandContext, options: ConfigUpdateOptions): Promise<void> {
  try {
    const changes = readRequest(options.jsonChanges, ctx.configuration);
    await withConfigurationLock(ctx, { wait: false }, () => applyChanges(ctx, changes));
  } catch (error) {
    if (error instanceof SectionRefused) {
      ctx.output.error(error.message);
      // compat 3.20.1: the hyphen is U+2010.
      ctx.output.error(`Aborting config‐update: invalid section ${error.section}`);
    } else if (error instanceof LockBusyError) {
      ctx.output.error('another process is updating barman configuration files');
      ctx.output.hint('nothing was changed: type the command again');
    } else {
      throw error;
    }
  }
}
