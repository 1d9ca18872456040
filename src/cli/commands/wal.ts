/** Commands that move WAL into and out of the archive, and look after it. */
import { type CommandSpec, SERVER, SERVER_WORDS, SERVERS } from '../spec.ts';
import { nonNegative, positive } from '../values.ts';

export const WAL_COMMANDS: readonly CommandSpec[] = [
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
    printsNews: true,
    load: () => import('../../commands/switch-wal.ts'),
  },
  {
    name: 'get-wal',
    summary: 'write a WAL file to standard output (for restore_command)',
    details: ['Exit code 1: not in the archive; 3: no WAL file name, or the output cannot be opened.'],
    args: [SERVER, { name: 'wal_name', key: 'walName' }],
    options: [
      { flags: '--output-directory, -o <DIRECTORY>', help: 'write into this directory instead' },
      { flags: '--partial, -P', help: 'also look for a .partial file' },
      { flags: '--gzip, -z, -x', help: 'compress the output with gzip' },
      { flags: '--bzip2, -j', help: 'compress the output with bzip2' },
      { flags: '--keep-compression', help: 'do not decompress' },
      { flags: '--peek, -p <N>', help: 'list up to N archived names from WAL_NAME on', parse: positive },
      { flags: '--test, -t', help: 'only test that the server can be asked' },
    ],
    load: () => import('../../commands/get-wal.ts'),
  },
  {
    name: 'put-wal',
    summary: 'accept WAL files from standard input (for archive_command)',
    details: [
      'Reads a tar stream with WAL files and their SHA256SUMS or MD5SUMS, as "barman-wal-archive" sends it.',
      'Exit code 0 only when every file of it is on disk.',
    ],
    args: [SERVER],
    options: [{ flags: '-t, --test', help: 'only test that the server can be asked' }],
    handlesSignals: true,
    printsNews: true,
    load: () => import('../../commands/put-wal.ts'),
  },
  {
    name: 'archive-wal',
    summary: 'move received WAL into the archive',
    args: [SERVER],
    options: [],
    printsNews: true,
    load: () => import('../../commands/archive-wal.ts'),
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
      { flags: '--test', help: 'try everything that streaming needs, and receive nothing' },
    ],
    handlesSignals: true,
    printsNews: true,
    load: () => import('../../commands/receive-wal.ts'),
  },
  {
    name: 'rebuild-xlogdb',
    summary: 'make the index of the WAL archive anew from its files',
    details: [
      SERVER_WORDS,
      'Reads every archived file and touches none. What is left out (foreign, empty or unreadable) is named in a warning.',
    ],
    args: [SERVERS],
    options: [],
    printsNews: true,
    load: () => import('../../commands/rebuild-xlogdb.ts'),
  },
  {
    name: 'check-wal-archive',
    summary: 'check that the WAL archive has room for a new cluster or timeline',
    details: ['Without --timeline the archive must be empty. Exit code 1 when it does not fit.'],
    args: [SERVER],
    options: [
      {
        flags: '--timeline <TIMELINE>',
        help: 'WAL of earlier timelines may be there, of this one and later ones not',
        parse: positive,
      },
    ],
    load: () => import('../../commands/check-wal-archive.ts'),
  },
  {
    name: 'check-archived-wal-range',
    summary: 'check that every WAL segment of a range is archived',
    details: [
      'BEGIN_WAL and END_WAL are segment names of one timeline, both included. Exit code 1 when a file is missing.',
      'Looks at the files, and warns when the index of the archive disagrees with them.',
    ],
    args: [SERVER, { name: 'begin_wal', key: 'beginWal' }, { name: 'end_wal', key: 'endWal' }],
    options: [],
    load: () => import('../../commands/check-archived-wal-range.ts'),
  },
  {
    name: 'coverage',
    summary: 'show to which moments a server can be recovered, and what would be lost now',
    details: [
      SERVER_WORDS,
      'Looks at the WAL files themselves. A moment it prints can be given to "restore --target-time".',
    ],
    args: [SERVERS],
    options: [],
    load: () => import('../../commands/coverage.ts'),
  },
  {
    name: 'errors',
    summary: 'tell what the rejected WAL files are, and resolve what is safe',
    details: [
      'A rejected file that the archive has, or the beginning of one, is removed by --resolve; a sound one that the archive lacks goes back into the queue. All others are for you to decide.',
    ],
    args: [SERVER],
    options: [{ flags: '--resolve', help: 'do what is safe' }],
    load: () => import('../../commands/errors.ts'),
  },
];
