/**
 * The Barman host at the other end of ssh: which words are sent there, as arguments and never through a local shell. The
 * remote side does have a shell, so what is not plain is quoted for it. Source: docs/behaviour/wal.md 10.
 */
import { quoteForShell, typedWord } from '../domain/text/shell-words.ts';
import { type ClientOption, parseInteger, UsageError } from './command-line.ts';

/** Who is to be asked, as typed and checked. */
export interface Remote {
  readonly host: string;
  readonly user: string;
  readonly server: string;
  /** ssh's own default when undefined. */
  readonly port: string | undefined;
  /** Path of the configuration file on the Barman host. */
  readonly config: string | undefined;
  /** Seconds for which a shared connection stays open; undefined: whatever the ssh configuration says. */
  readonly controlPersist: number | undefined;
  /** Seconds without any progress after which the connection is given up. */
  readonly timeout: number;
}

export const REMOTE_OPTIONS: readonly ClientOption[] = [
  { short: '-h', long: '--help', help: 'show this page' },
  { short: '-V', long: '--version', help: 'show the version' },
  { short: '-U', long: '--user', value: 'USER', help: 'user on the Barman host (default: barman)' },
  { long: '--port', value: 'PORT', help: 'port of sshd on the Barman host' },
  { short: '-c', long: '--config', value: 'FILE', help: 'configuration file on the Barman host' },
  {
    long: '--control-persist',
    value: 'SECONDS',
    help: 'keep one shared ssh connection open for so long ($BARMAN_CONTROL_PERSIST)',
    parse: parseSeconds,
    isOurs: true,
  },
  {
    long: '--timeout',
    value: 'SECONDS',
    help: 'give up when nothing moves for so long (default: 300)',
    parse: parseSeconds,
    isOurs: true,
  },
];

const DEFAULT_TIMEOUT = 300;

function parseSeconds(text: string): number {
  const seconds = parseInteger(text);
  if (seconds <= 0) throw new Error(`'${text}' is not a positive number of seconds`);
  return seconds;
}

/** @throws UsageError for words that ssh or barman would take for an option */
export function readRemote(
  [host = '', server = '']: readonly string[],
  values: ReadonlyMap<string, unknown>,
  env: NodeJS.ProcessEnv,
): Remote {
  const text = (key: string) => values.get(key) as string | undefined;
  const user = text('user') ?? 'barman';
  refuseOption('BARMAN_HOST', host, /^[^-\s\0@][^\s\0]*$/);
  refuseOption('-U/--user', user, /^[^-\s\0][^\s\0]*$/);
  refuseOption('SERVER_NAME', server, /^[^-\n\r\0][^\n\r\0]*$/);
  const port = text('port');
  if (port !== undefined) refuseOption('--port', port, /^\d+$/);
  const config = text('config');
  if (config !== undefined) refuseOption('-c/--config', config, /^[^\n\r\0]+$/);
  const persist = values.get('control-persist') ?? envSeconds(env.BARMAN_CONTROL_PERSIST);
  return {
    host,
    user,
    server,
    port,
    config,
    controlPersist: persist as number | undefined,
    timeout: (values.get('timeout') as number | undefined) ?? DEFAULT_TIMEOUT,
  };
}

function envSeconds(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

function refuseOption(name: string, text: string, allowed: RegExp): void {
  if (!allowed.test(text)) throw new UsageError(`argument ${name}: invalid value: '${text}'`);
}

/** The words before the remote command. */
export function sshArguments({ host, user, port }: Remote, controlOptions: readonly string[]): string[] {
  const place = port === undefined ? [] : ['-p', port];
  return [...controlOptions, ...place, '-q', '-T', `${user}@${host}`];
}

/** `barman [--config='FILE'] put-wal SERVER [--test]`, as the reference sends it. */
export function putWalCommand({ config, server }: Remote, test: boolean): string[] {
  return [
    'barman',
    ...(config === undefined ? [] : [`--config=${quoteForShell(config)}`]),
    'put-wal',
    typedWord(server),
    ...(test ? ['--test'] : []),
  ];
}

export interface GetWalRequest {
  readonly wal: string;
  readonly test?: boolean;
  /** List up to so many names instead. */
  readonly peek?: number;
  readonly compression?: 'gzip' | 'bzip2' | 'keep-compression' | undefined;
  readonly partial?: boolean;
}

/** `barman ["--config FILE"] "get-wal [options] 'SERVER' 'WAL'"`, as the reference sends it. */
export function getWalCommand({ config, server }: Remote, request: GetWalRequest): string[] {
  const words = [
    'get-wal',
    ...(request.test ? ['--test'] : []),
    ...(request.peek === undefined ? [] : ['--peek', `'${request.peek}'`]),
    ...(request.compression === undefined ? [] : [`--${request.compression}`]),
    ...(request.partial ? ['--partial'] : []),
    quoteForShell(server),
    quoteForShell(request.wal),
  ];
  const file = config === undefined ? undefined : typedWord(config);
  return ['barman', ...(file === undefined ? [] : [`--config ${file}`]), words.join(' ')];
}
