/** `barman lock-directory-cleanup`: removes lock files that nobody holds. Source: spec cli.md 4.22. */
import type { CommandContext } from '../operations/context.ts';
import { cleanLockDirectory } from '../operations/lock-cleanup.ts';
import { reportConflicts } from '../operations/select-servers.ts';

export async function run(ctx: CommandContext): Promise<void> {
  if (reportConflicts(ctx)) return;
  await cleanLockDirectory(ctx);
}
