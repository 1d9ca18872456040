/**
 * `barman-wal-restore BARMAN_HOST SERVER_NAME WAL_NAME WAL_DEST`, a restore_command: fetches one WAL file with
 * `barman get-wal` on the Barman host. The destination appears whole and on disk, or not at all.
 * Source: docs/behaviour/wal.md 10; PostgreSQL documentation, "Recovering Using a Continuous Archive Backup".
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientSpec, type CommandLine, parseInteger } from './command-line.ts';
import { connect } from './connection.ts';
import { isDirectory } from './fetch-wal.ts';
import { fetchPatiently } from './patience.ts';
import { PREFETCH_FLAG, type PrefetchOrder } from './prefetch-order.ts';
import { runClient } from './program.ts';
import type { FetchOptions } from './receive.ts';
import { relayTest } from './relay-test.ts';
import { getWalCommand, readRemote, REMOTE_OPTIONS } from './remote.ts';
import { exitCodeOf, explainFailure, RestoreFailure } from './restore-failure.ts';
import { tellStandardError } from '../host/standard-error.ts';

const SPEC: ClientSpec = {
  program: 'barman-wal-restore',
  summary:
    "Fetches a WAL file from a Barman host: restore_command = 'barman-wal-restore BARMAN_HOST SERVER_NAME %f %p'",
  positionals: ['BARMAN_HOST', 'SERVER_NAME', 'WAL_NAME', 'WAL_DEST'],
  options: [
    ...REMOTE_OPTIONS,
    {
      short: '-s',
      long: '--sleep',
      value: 'SECONDS',
      help: 'wait so long before ending with an error',
      parse: parseInteger,
    },
    {
      short: '-p',
      long: '--parallel',
      value: 'N',
      help: 'keep up to N-1 WAL files ready ahead of the replay',
      parse: parseInteger,
    },
    { long: '--spool-dir', value: 'DIR', help: 'where they are kept (default: /var/tmp/walrestore)' },
    { short: '-P', long: '--partial', help: 'also accept a .partial file' },
    { short: '-z', long: '--gzip', help: 'compress with gzip on the way (deprecated)', group: 'compression' },
    { short: '-j', long: '--bzip2', help: 'compress with bzip2 on the way (deprecated)', group: 'compression' },
    { long: '--keep-compression', help: 'fetch it as it is stored, decompress it here', group: 'compression' },
    { short: '-t', long: '--test', help: 'only test that the server can be asked' },
  ],
  notes: [
    'Exit codes: 0 WAL_DEST is on disk; 1 not in the archive; 2 usage, or no connection; 3 WAL_DEST cannot be written;',
    'otherwise the code of "barman get-wal". In a recovery that ends when WAL is missing (recovery.signal), trouble other than',
    '"not in the archive" ends with 255, so that PostgreSQL stops and can be started again, instead of promoting.',
  ],
};

async function main({ positionals, values }: CommandLine): Promise<number> {
  const remote = readRemote(positionals, values, process.env);
  const [, , wal = '', path = ''] = positionals;
  if (values.get('test')) {
    const command = getWalCommand(remote, { wal: 'dummy_wal_name', test: true });
    return relayTest(connect(remote, command, ['ignore', 'pipe', 'pipe']));
  }
  const compression = (['gzip', 'bzip2', 'keep-compression'] as const).find((name) => values.get(name));
  if (compression === 'gzip' || compression === 'bzip2') {
    process.stdout.write(
      `WARNING: \`${compression}\` option is deprecated and will be removed in future versions. For WAL compression, please make sure to enable it directly on the Barman server via the \`compression\` configuration option\n`,
    );
  }
  const options: FetchOptions = { wal, compression, partial: values.get('partial') === true };
  const parallel = (values.get('parallel') as number | undefined) ?? 0;
  const order = process.env[PREFETCH_FLAG];
  if (order !== undefined) {
    const { prefetch } = await import('./prefetch.ts');
    await prefetch(remote, options, parallel, JSON.parse(order) as PrefetchOrder);
    return 0;
  }
  try {
    if (isDirectory(path)) throw new RestoreFailure('destination', `WAL_DEST cannot be a directory: ${path}`, 3);
    if (parallel > 0) {
      const { restoreThroughSpool } = await import('./spool.ts');
      await restoreThroughSpool(remote, path, options, parallel, values.get('spool-dir') as string | undefined);
    } else {
      await fetchPatiently(remote, path, options);
    }
    return 0;
  } catch (error) {
    explainFailure(error);
    const seconds = values.get('sleep') as number | undefined;
    if (seconds !== undefined && seconds > 0) {
      tellStandardError(`Sleeping for ${seconds} seconds.\n`);
      await sleep(seconds * 1_000);
    }
    return exitCodeOf(error, path);
  }
}

runClient(SPEC, main);
