/**
 * pg_receivewal: its arguments, one run of it, and what its words mean. The arguments and their order are Barman's
 * (docs/behaviour/wal.md 5); the password goes by the environment.
 */
import { constants } from 'node:os';
import { startBoundChild } from '../host/process/parent-death.ts';

export interface ReceiveWalOptions {
  /** Without secrets, application_name included. */
  readonly dsn: string;
  readonly directory: string;
  readonly slotName: string | null;
  /** Flush at every message: we are a synchronous standby. */
  readonly synchronous: boolean;
}

export function receiveWalArgs(options: ReceiveWalOptions): string[] {
  const args = [
    `--dbname=${options.dsn}`,
    '--verbose',
    '--no-loop',
    '--no-password',
    `--directory=${options.directory}`,
  ];
  if (options.slotName !== null) args.push(`--slot=${options.slotName}`);
  if (options.synchronous) args.push('--synchronous');
  return args;
}

export interface ReceiveWalEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long it may take to end after our signal, ms. */
const PATIENCE = 30_000;

/**
 * Runs it until it ends or `signal` aborts; the abort reason, a signal name, is passed on to it. Where setpriv(1) is
 * installed, the kernel interrupts pg_receivewal should we be killed: an orphan would hold the slot and the directory
 * while the lock says that nobody does.
 * @throws CommandError when it cannot be started
 */
export async function runPgReceivewal(
  path: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal; onLine: (line: string) => void },
): Promise<ReceiveWalEnd> {
  const child = await startBoundChild(path, args, 'INT', {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env,
    signal: options.signal,
    onLine: options.onLine,
    killSignal: (reason) => (reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM'),
    graceMs: PATIENCE,
  });
  const { code, signal } = await child.done;
  return { code, signal };
}

/** How it ended, in Barman's words; null for a normal end. */
export function endText({ code, signal }: ReceiveWalEnd): string | null {
  if (signal !== null) return `pg_receivewal terminated by signal: ${constants.signals[signal] ?? signal}`;
  return code === 0 ? null : `pg_receivewal terminated with error code: ${code}`;
}

interface Advice {
  readonly pattern: RegExp;
  readonly advise: (match: RegExpExecArray, server: string) => string;
}

const ADVICE: readonly Advice[] = [
  {
    pattern: /replication slot "([^"]*)" is active for PID (\d+)/,
    advise: ([, slot, pid]) =>
      `another program streams from slot '${slot}' (server process ${pid}): stop that program, or wait until ` +
      'wal_sender_timeout ends its connection; "SELECT * FROM pg_replication_slots" shows who it is',
  },
  {
    pattern: /requested WAL segment ([0-9A-F]+) has already been removed/,
    advise: ([, segment], server) =>
      `PostgreSQL has recycled WAL from ${segment} on before it was received: the archive has a hole there. Run ` +
      `"barman receive-wal --reset ${server}" to go on from where PostgreSQL is, then "barman backup ${server}"`,
  },
  {
    pattern: /replication slot "([^"]*)" does not exist/,
    advise: (_match, server) => `run "barman receive-wal --create-slot ${server}"`,
  },
  {
    pattern: /No space left on device/,
    advise: (_match, server) =>
      `make space in streaming_wals_directory of server '${server}'; cron starts receive-wal again`,
  },
];

/** What to do about a line of pg_receivewal; undefined when it needs no advice. */
export function adviceFor(line: string, server: string): string | undefined {
  for (const { pattern, advise } of ADVICE) {
    const match = pattern.exec(line);
    if (match) return advise(match, server);
  }
  return undefined;
}
