/** The command table: one file per subject in commands/, put into the order in which usage errors list them. */
import { BACKUP_COMMANDS } from './commands/backups.ts';
import { MAINTENANCE_COMMANDS } from './commands/maintenance.ts';
import { SERVER_COMMANDS } from './commands/servers.ts';
import { WAL_COMMANDS } from './commands/wal.ts';
import type { CommandSpec } from './spec.ts';

/** compat 3.20.1: the order of the choices in "invalid choice". Source: docs/behaviour/cli.md 1. */
const ORDER = [
  'help',
  'list-servers',
  'list-processes',
  'terminate-process',
  'cron',
  'lock-directory-cleanup',
  'backup',
  'list-backups',
  'status',
  'replication-status',
  'rebuild-xlogdb',
  'restore',
  'show-servers',
  'switch-wal',
  'check',
  'diagnose',
  'sync-info',
  'sync-backup',
  'sync-wals',
  'show-backup',
  'list-files',
  'delete',
  'get-wal',
  'put-wal',
  'archive-wal',
  'receive-wal',
  'check-backup',
  'verify-backup',
  'export-backup',
  'import-backup',
  'generate-manifest',
  'keep',
  'check-wal-archive',
  'check-archived-wal-range',
  'config-switch',
  'config-update',
];

/** Commands of our own come last. */
const place = ({ name }: CommandSpec) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);

export const COMMANDS: readonly CommandSpec[] = [
  ...SERVER_COMMANDS,
  ...BACKUP_COMMANDS,
  ...WAL_COMMANDS,
  ...MAINTENANCE_COMMANDS,
].sort((left, right) => place(left) - place(right));

/** The command of a name or an alias. */
export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name || command.aliases?.includes(name));
}
