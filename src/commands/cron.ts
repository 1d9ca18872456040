/** `barman cron`: one run of the maintenance, or with --daemon a scheduler that stays. */
import type { CommandContext } from '../operations/context.ts';

export interface CronCommandOptions {
  readonly keepDescriptors?: boolean;
  readonly daemon?: boolean;
}

export async function run(ctx: CommandContext, options: CronCommandOptions): Promise<void> {
  if (options.daemon) {
    const { runDaemon } = await import('../operations/cron-daemon.ts');
    await runDaemon(ctx);
    return;
  }
  const { runCron } = await import('../operations/cron.ts');
  await runCron(ctx, { keepDescriptors: options.keepDescriptors === true });
}
