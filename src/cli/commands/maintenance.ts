/** Commands that keep the installation going: cron, processes, locks, configuration, passive nodes. */
import { type CommandSpec } from '../spec.ts';

export const MAINTENANCE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'cron',
    summary: 'run the maintenance: archive WAL, keep receive-wal alive, apply retention',
    details: [
      'Meant to run every minute. It starts the work in the background and returns at once; a server whose maintenance still runs is skipped.',
      'With --daemon it stays in the foreground, runs the maintenance every minute and starts backups by each server\'s "backup_schedule" (a cron expression, e.g. 0 4 * * *). SIGTERM ends it cleanly.',
    ],
    args: [],
    options: [
      { flags: '--keep-descriptors', help: 'let the started processes write to this terminal' },
      { flags: '--daemon', help: 'stay in the foreground and schedule maintenance and backups' },
    ],
    handlesSignals: true,
    load: () => import('../../commands/cron.ts'),
  },
];
