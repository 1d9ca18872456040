/** `barman cron`: one run of the maintenance, or with --daemon a scheduler that stays. */
import type { CommandContext } from '../server/context.ts';

export interface CronCommandOptions {
  readonly keepDescriptors?: boolean;
  readonly daemon?: boolean;
}

export async function run(ctx: CommandContext, options: CronCommandOptions): Promise<void> {
  if (options.daemon) {
    const { runDaemon } = await import('../maintenance/daemon.ts');
    await runDaemon(ctx);
    return;
  }
  const { runCron } = await import('../maintenance/cron.ts');
  await runCron(ctx, { keepDescriptors: options.keepDescriptors === true });
}
