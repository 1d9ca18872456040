/**
 * pg_receivewal: its arguments, one run of it, and how it ended. The arguments and their order are Barman's
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
