/** `barman lock-directory-cleanup`: removes lock files that nobody holds. Source: docs/behaviour/cli.md 4.22. */
import type { CommandContext } from '../server/context.ts';
import { cleanLockDirectory } from '../maintenance/lock-cleanup.ts';
import { reportConflicts } from '../server/select.ts';

export async function run(ctx: CommandContext): Promise<void> {
  if (reportConflicts(ctx)) return;
  await cleanLockDirectory(ctx);
}
