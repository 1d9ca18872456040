/**
 * `barman-wal-archive BARMAN_HOST SERVER_NAME WAL_PATH`, an archive_command: sends one WAL file to `barman put-wal` on the
 * Barman host. Exit code 0 means that the other end has it on disk; with anything else PostgreSQL keeps it and tries again.
 * Source: docs/behaviour/wal.md 10; PostgreSQL documentation, "Setting Up WAL Archiving".
 */
import { CLIENT_COMPRESSIONS, type CompressionLevel, levelWord } from '../domain/codecs.ts';
import { type ClientSpec, type CommandLine, parseInteger } from './command-line.ts';
import { connect, SSH_FAILED } from './connection.ts';
import { runClient } from './program.ts';
import { putWalCommand, readRemote, REMOTE_OPTIONS } from './remote.ts';
import { ArchiveFailure, openWalFile, type SendOptions, sendWal } from './send-wal.ts';
import { relayTest } from './relay-test.ts';
import { tellStandardError } from '../host/standard-error.ts';

const SPEC: ClientSpec = {
  program: 'barman-wal-archive',
  summary: "Sends a WAL file to a Barman host: archive_command = 'barman-wal-archive BARMAN_HOST SERVER_NAME %p'",
  positionals: ['BARMAN_HOST', 'SERVER_NAME', 'WAL_PATH'],
  options: [
    ...REMOTE_OPTIONS,
    { short: '-t', long: '--test', help: 'only test that the server can be asked' },
    { long: '--md5', help: 'send an MD5 checksum, for a Barman older than 3.12' },
    { short: '-z', long: '--gzip', help: 'compress with gzip before sending' },
    { short: '-j', long: '--bzip2', help: 'compress with bzip2' },
    ...CLIENT_COMPRESSIONS.slice(2).map((format) => ({ long: `--${format}`, help: `compress with ${format}` })),
    { long: '--compression-level', value: 'LEVEL', help: 'low, medium, high or a number', parse: parseLevel },
    {
      short: '-p',
      long: '--parallel',
      value: 'N',
      help: 'also send up to N-1 WAL files that wait',
      parse: parseInteger,
    },
    { long: '--prefetch-cache-dir', value: 'DIR', help: 'where is noted what was sent ahead' },
  ],
  notes: [
    'Exit codes: 0 it is on disk there; 2 usage, WAL_PATH cannot be read, or ssh cannot be run; 3 no connection;',
    'otherwise the code of "barman put-wal".',
  ],
};

function parseLevel(text: string): CompressionLevel {
  const word = levelWord(text);
  if (word !== undefined) return word;
  if (/^[-+]?\d+$/.test(text)) return Number(text);
  throw new Error(`invalid parse_compression_level value: '${text}'`);
}

async function main({ positionals, values }: CommandLine): Promise<number> {
  const remote = readRemote(positionals, values, process.env);
  if (values.get('test')) return relayTest(connect(remote, putWalCommand(remote, true), ['ignore', 'pipe', 'pipe']));
  const path = positionals[2] ?? '';
  const options: SendOptions = {
    algorithm: values.get('md5') ? 'md5' : 'sha256',
    // The last one that was typed.
    compression: [...values.keys()].flatMap((key) => CLIENT_COMPRESSIONS.filter((name) => name === key)).at(-1),
    level: values.get('compression-level') as CompressionLevel | undefined,
  };
  const parallel = (values.get('parallel') as number | undefined) ?? 0;
  try {
    if (parallel > 1) {
      const { sendAhead } = await import('./send-ahead.ts');
      await sendAhead(remote, path, options, parallel, values.get('prefetch-cache-dir') as string | undefined);
    } else {
      await sendWal(remote, openWalFile(path), options);
    }
    return 0;
  } catch (error) {
    return explain(path, error);
  }
}

/** The reference's lines and exit codes. */
function explain(path: string, error: unknown): number {
  if (!(error instanceof ArchiveFailure)) throw error;
  const { kind, code, message } = error;
  if (kind === 'path') {
    tellStandardError(`ERROR: ${message}\n`);
    return 2;
  }
  if (kind === 'run') {
    tellStandardError(`Archival of WAL file ${path} failed: ${message}\nERROR: Error executing ssh: ${message}\n`);
    return 2;
  }
  tellStandardError(`Archival of WAL file ${path} failed: ArchiverFailure:${message}\n`);
  if (kind === 'connection' || code === SSH_FAILED) {
    tellStandardError(`ERROR: Connection problem with ssh${kind === 'connection' ? `: ${message}` : ''}\n`);
    return 3;
  }
  tellStandardError("ERROR: Remote 'barman put-wal' command has failed!\n");
  return code;
}

runClient(SPEC, main);
