/** Commands that take, show, check, restore and remove backups. */
import { COPY_OPTIONS, RESTORE_OPTIONS } from '../copy-options.ts';
import { BACKUP, BACKUP_WORDS, type CommandSpec, SERVER, SERVER_WORDS, SERVERS } from '../spec.ts';
import { absolutePath, backupName, byteSize, choice, nonNegative } from '../values.ts';

export const BACKUP_COMMANDS: readonly CommandSpec[] = [
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
    load: () => import('../../commands/backup.ts'),
  },
  {
    name: 'list-backups',
    aliases: ['list-backup'],
    summary: 'list the backups of a server, newest first',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [{ flags: '--minimal', help: 'ids only' }],
    load: () => import('../../commands/list-backups.ts'),
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
    load: () => import('../../commands/restore.ts'),
  },
  {
    name: 'show-backup',
    aliases: ['show-backups'],
    summary: 'show everything about one backup',
    details: [BACKUP_WORDS],
    args: [SERVER, BACKUP],
    options: [],
    load: () => import('../../commands/show-backup.ts'),
  },
  {
    name: 'list-files',
    summary: 'list the files that a backup consists of',
    details: [BACKUP_WORDS, 'One absolute path on each line: for a copy to tape, for instance.'],
    args: [SERVER, BACKUP],
    options: [
      {
        flags: '--target <KIND>',
        help: 'standalone (default): data and the WAL that makes it consistent; data; wal: all WAL up to the next backup; full: data and wal',
        parse: choice('standalone', 'data', 'wal', 'full'),
      },
      { flags: '--list-empty-directories', help: 'also list directories that hold nothing' },
    ],
    load: () => import('../../commands/list-files.ts'),
  },
  {
    name: 'delete',
    summary: 'delete a backup and the WAL that only it needs',
    details: [BACKUP_WORDS, 'A kept backup, and one that minimum_redundancy needs, is refused.'],
    args: [SERVER, BACKUP],
    options: [],
    load: () => import('../../commands/delete.ts'),
  },
  {
    name: 'check-backup',
    summary: 'check that the WAL of a backup is complete, and set its status',
    details: [BACKUP_WORDS],
    args: [SERVER, BACKUP],
    options: [],
    load: () => import('../../commands/check-backup.ts'),
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
    load: () => import('../../commands/keep.ts'),
  },
];
