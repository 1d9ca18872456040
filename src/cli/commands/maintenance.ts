/** Commands that keep the installation going: cron, processes, locks, configuration, passive nodes. */
import { type CommandSpec, SERVER } from '../spec.ts';
import { positive } from '../values.ts';

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
    printsNews: true,
    load: () => import('../../commands/cron.ts'),
  },
  {
    name: 'list-processes',
    aliases: ['list-process'],
    summary: 'list what runs for a server',
    args: [SERVER],
    options: [],
    load: () => import('../../commands/list-processes.ts'),
  },
  {
    name: 'terminate-process',
    summary: 'end what runs for a server',
    details: [
      'TASK is one that list-processes shows: receive-wal, backup, archive-wal, cron, sync-backup or sync-wal.',
    ],
    args: [SERVER, { name: 'task', key: 'task' }],
    options: [],
    printsNews: true,
    load: () => import('../../commands/terminate-process.ts'),
  },
  {
    name: 'lock-directory-cleanup',
    summary: 'remove lock files that nobody holds',
    args: [],
    options: [],
    printsNews: true,
    load: () => import('../../commands/lock-directory-cleanup.ts'),
  },
  {
    name: 'sync-info',
    summary: 'print what a passive node has to know about a server',
    details: [
      'One JSON document: the backups, the archived WAL and the configuration. A passive node runs this on its primary.',
      'LAST_WAL leaves out the WAL up to that file; LAST_POSITION is where the passive node found it in the WAL index.',
    ],
    args: [
      SERVER,
      { name: 'last_wal', key: 'lastWal', optional: true },
      { name: 'last_position', key: 'lastPosition', optional: true, parse: positive },
    ],
    options: [
      { flags: '--primary', help: 'on a passive node: fetch the document from the primary, keep and print it' },
    ],
    load: () => import('../../commands/sync-info.ts'),
  },
  {
    name: 'config-switch',
    summary: 'apply a configuration model to a server, or take it back',
    details: ['The model must belong to the cluster of the server. receive-wal is started anew.'],
    args: [SERVER, { name: 'model_name', key: 'modelName', optional: true }],
    options: [{ flags: '--reset', help: "back to the server's own configuration" }],
    printsNews: true,
    load: () => import('../../commands/config-switch.ts'),
  },
  {
    name: 'config-update',
    summary: 'change options of servers and models',
    details: [
      'JSON_CHANGES is a list of objects with "scope" (server or model), "server_name" or "model_name", and options, whose values are strings.',
      'Either all of them are accepted or nothing is changed. Each option is written to the file that has it now, a new one to .barman.auto.conf.',
    ],
    args: [{ name: 'json_changes', key: 'jsonChanges' }],
    options: [],
    printsNews: true,
    load: () => import('../../commands/config-update.ts'),
  },
  {
    name: 'diagnose',
    summary: 'print all about this installation for somebody who helps from afar',
    details: ['One JSON document: configuration, servers, backups, versions. It holds no password.'],
    args: [],
    options: [{ flags: '--show-config-source', help: 'with the file that each option comes from' }],
    load: () => import('../../commands/diagnose.ts'),
  },
];
