/** The command table, in the order in which usage errors list it. */
import { COPY_OPTIONS, RESTORE_OPTIONS } from './copy-options.ts';
import { BACKUP, type CommandSpec, SERVER, SERVERS } from './spec.ts';
import { absolutePath, backupName, byteSize, choice, nonNegative, positive } from './values.ts';

const BACKUP_WORDS =
  'BACKUP_ID is an id (20260131T235959), a backup name, or one of: latest, oldest, last-failed, latest-full.';
const SERVER_WORDS = 'Give several names, or "all" for every configured server.';

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'help',
    summary: 'show this help',
    args: [],
    options: [],
    load: () => import('../commands/help.ts'),
  },
  {
    name: 'list-servers',
    aliases: ['list-server'],
    summary: 'list the configured servers',
    args: [],
    options: [{ flags: '--minimal', help: 'names only' }],
    load: () => import('../commands/list-servers.ts'),
  },
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
    load: () => import('../commands/cron.ts'),
  },
  {
    name: 'backup',
    summary: 'take a base backup',
    details: [SERVER_WORDS, 'Exit code 1 if the backup of any server failed; the others are still taken.'],
    args: [SERVERS],
    options: [
      { flags: '--immediate-checkpoint', help: 'ask PostgreSQL for a fast checkpoint (option immediate_checkpoint)' },
      { flags: '--no-immediate-checkpoint', help: 'let the checkpoint spread its work' },
      { flags: '--incremental <BACKUP_ID>', help: 'block-level incremental backup on top of this one' },
      {
        flags: '--reuse-backup [MODE]',
        help: 'rsync only: reuse the previous backup by "link" (default), "copy" or "off"',
        parse: choice('copy', 'link', 'off'),
        preset: 'link',
      },
      ...COPY_OPTIONS,
      { flags: '-w, --wait', help: 'wait until the WAL that makes the backup consistent is archived' },
      { flags: '--wait-timeout <SECONDS>', help: 'give up waiting after this time', parse: nonNegative },
      {
        flags: '--keepalive-interval <SECONDS>',
        help: 'pause between keepalive queries (0: none)',
        parse: nonNegative,
      },
      { flags: '--name <NAME>', help: 'a name that can be used instead of the id', parse: backupName },
      { flags: '--manifest', help: 'rsync only: write a backup_manifest' },
      { flags: '--no-manifest', help: 'rsync only: write no backup_manifest' },
      { flags: '--check-timeout <SECONDS>', help: 'time limit of the preliminary check (0: none)', parse: nonNegative },
      { flags: '--cloud-staging-directory <PATH>', help: 'cloud only: where the copy is staged', parse: absolutePath },
      { flags: '--cloud-staging-max-size <SIZE>', help: 'cloud only: limit of the staged copy', parse: byteSize },
    ],
    handlesSignals: true,
    load: () => import('../commands/backup.ts'),
  },
  {
    name: 'list-backups',
    aliases: ['list-backup'],
    summary: 'list the backups of a server, newest first',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [{ flags: '--minimal', help: 'ids only' }],
    load: () => import('../commands/list-backups.ts'),
  },
  {
    name: 'status',
    summary: 'show the state of a server',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [],
    load: () => import('../commands/status.ts'),
  },
  {
    name: 'replication-status',
    summary: 'show the streaming clients of a server',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [
      { flags: '--minimal', help: 'one line per client' },
      {
        flags: '--target <KIND>',
        help: 'all (default), hot-standby or wal-streamer',
        parse: choice('all', 'hot-standby', 'wal-streamer'),
      },
      {
        flags: '--source <HOST>',
        help: 'backup-host (default), or wal-host for the host that streams the WAL',
        parse: choice('backup-host', 'wal-host'),
      },
    ],
    load: () => import('../commands/replication-status.ts'),
  },
  {
    name: 'restore',
    aliases: ['recover'],
    summary: 'restore a backup, up to a moment of your choice',
    details: [
      BACKUP_WORDS + ' "auto" picks the newest backup that fits --target-time, --target-lsn or --target-tli.',
      'DESTINATION must be empty or missing. Start PostgreSQL on it afterwards: it replays WAL up to the target.',
    ],
    args: [SERVER, BACKUP, { name: 'destination_directory', key: 'destinationDirectory' }],
    options: [...RESTORE_OPTIONS, ...COPY_OPTIONS],
    handlesSignals: true,
    load: () => import('../commands/restore.ts'),
  },
  {
    name: 'show-servers',
    aliases: ['show-server'],
    summary: 'show the configuration and the live state of a server',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [],
    load: () => import('../commands/show-servers.ts'),
  },
  {
    name: 'switch-wal',
    aliases: ['switch-xlog'],
    summary: 'make PostgreSQL close its current WAL segment',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [
      { flags: '--force', help: 'CHECKPOINT first, so that there is something to close' },
      { flags: '--archive', help: 'wait until the closed segment is archived' },
      {
        flags: '--archive-timeout <SECONDS>',
        help: 'give up waiting after this time (default 30; 0: never)',
        parse: nonNegative,
      },
    ],
    handlesSignals: true,
    load: () => import('../commands/switch-wal.ts'),
  },
  {
    name: 'check',
    summary: 'check that a server can be backed up',
    details: [SERVER_WORDS, 'Exit code 1 if an active server fails a check; 2 with --nagios.'],
    args: [SERVERS],
    options: [
      { flags: '--nagios', help: 'one line for Nagios, exit code 0 or 2' },
      { flags: '--check-timeout <SECONDS>', help: 'time limit for each server (0: none)', parse: nonNegative },
    ],
    load: () => import('../commands/check.ts'),
  },
  {
    name: 'show-backup',
    aliases: ['show-backups'],
    summary: 'show everything about one backup',
    details: [BACKUP_WORDS],
    args: [SERVER, BACKUP],
    options: [],
    load: () => import('../commands/show-backup.ts'),
  },
  {
    name: 'delete',
    summary: 'delete a backup and the WAL that only it needs',
    details: [BACKUP_WORDS, 'A kept backup, and one that minimum_redundancy needs, is refused.'],
    args: [SERVER, BACKUP],
    options: [],
    load: () => import('../commands/delete.ts'),
  },
  {
    name: 'get-wal',
    summary: 'write a WAL file to standard output (for restore_command)',
    details: ['Exit code 1: not in the archive; 3: no WAL file name, or the output cannot be opened.'],
    args: [SERVER, { name: 'wal_name', key: 'walName' }],
    options: [
      { flags: '-o, --output-directory <DIRECTORY>', help: 'write into this directory instead' },
      { flags: '-P, --partial', help: 'also look for a .partial file' },
      { flags: '-z, -x, --gzip', help: 'compress the output with gzip' },
      { flags: '-j, --bzip2', help: 'compress the output with bzip2' },
      { flags: '--keep-compression', help: 'do not decompress' },
      { flags: '-p, --peek <N>', help: 'list up to N archived names from WAL_NAME on', parse: positive },
      { flags: '-t, --test', help: 'only test that the server can be asked' },
    ],
    load: () => import('../commands/get-wal.ts'),
  },
  {
    name: 'archive-wal',
    summary: 'move received WAL into the archive',
    args: [SERVER],
    options: [],
    load: () => import('../commands/archive-wal.ts'),
  },
  {
    name: 'receive-wal',
    summary: 'stream WAL from PostgreSQL until it is stopped',
    details: ['Runs in the foreground. "barman cron" starts it in the background when it is not running.'],
    args: [SERVER],
    options: [
      { flags: '--stop', help: 'stop the running receive-wal' },
      { flags: '--reset', help: 'align the streaming directory with the replication slot' },
      { flags: '--create-slot', help: 'create the replication slot named by slot_name' },
      { flags: '--if-not-exists', help: 'with --create-slot: an existing slot is no error' },
      { flags: '--drop-slot', help: 'drop the replication slot named by slot_name' },
    ],
    handlesSignals: true,
    load: () => import('../commands/receive-wal.ts'),
  },
  {
    name: 'check-backup',
    summary: 'check that the WAL of a backup is complete, and set its status',
    details: [BACKUP_WORDS],
    args: [SERVER, BACKUP],
    options: [],
    load: () => import('../commands/check-backup.ts'),
  },
  {
    name: 'keep',
    summary: 'protect a backup from retention',
    details: [BACKUP_WORDS, 'One of --target, --release and --status is required.'],
    args: [SERVER, BACKUP],
    options: [
      { flags: '-r, --release', help: 'give the backup back to retention' },
      { flags: '-s, --status', help: 'show whether it is kept' },
      {
        flags: '--target <KIND>',
        help: 'full: keep it with all later WAL; standalone: keep only the WAL that makes it consistent',
        parse: choice('full', 'standalone'),
      },
    ],
    load: () => import('../commands/keep.ts'),
  },
];

/** The command of a name or an alias. */
export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name || command.aliases?.includes(name));
}
