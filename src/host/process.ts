/**
 * External programs: one way to run them, one shape of result. Arguments are an array and never meet a shell, except
 * `runShell`, which is for command lines that the administrator wrote into the configuration.
 */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CommandError } from '../domain/errors.ts';

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** How the gathered output becomes text; `latin1` keeps every byte. */
  readonly encoding?: 'utf8' | 'latin1';
  /** Written to the program's standard input, which is then closed. */
  readonly input?: string | Uint8Array;
  /** Called for each line of stdout or stderr as it arrives. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Aborting sends SIGTERM (or the signal named by `killSignal`), then SIGKILL after 10 s. */
  readonly signal?: AbortSignal;
  readonly killSignal?: NodeJS.Signals;
  /** Milliseconds after which the program is ended; 0 or unset for no limit. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  readonly command: string;
  readonly args: readonly string[];
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall time, milliseconds. */
  readonly durationMs: number;
  readonly timedOut: boolean;
}

/**
 * Runs a program to its end and gathers its output. A non-zero exit is a result, not an error.
 * @throws CommandError when the program cannot be started
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const started = performance.now();
  const child = spawn(command, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: options.env,
    cwd: options.cwd,
  });
  const out = collect(child.stdout, 'stdout', options);
  const err = collect(child.stderr, 'stderr', options);
  if (options.input !== undefined) {
    // A program that ends without reading its input is judged by its exit code, not by our broken pipe.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  }
  let timedOut = false;
  const stop = supervise(child, options, () => {
    timedOut = true;
  });
  try {
    const { code, signal } = await ended(child, command);
    const [stdout, stderr] = await Promise.all([out, err]);
    return { command, args, code, signal, stdout, stderr, durationMs: performance.now() - started, timedOut };
  } finally {
    stop();
  }
}

/** Runs the administrator's own command line with `sh -c`. */
export async function runShell(commandLine: string, options: RunOptions = {}): Promise<RunResult> {
  return run('/bin/sh', ['-c', commandLine], options);
}

/** Starts a program with the given stdio and hands over the child: for relaying (get-wal, receive-wal) and background work. */
export function start(
  command: string,
  args: readonly string[],
  options: { stdio: StdioOptions; env?: NodeJS.ProcessEnv; detached?: boolean; cwd?: string },
): ChildProcess {
  return spawn(command, args, options);
}

/** Waits for the end of a child; rejects with CommandError when it could not be started. */
export function ended(
  child: ChildProcess,
  command: string,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new CommandError(`${command}: ${cause.message}`, { cause })));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function collect(stream: Readable | null, name: 'stdout' | 'stderr', options: RunOptions): Promise<string> {
  if (stream === null) return Promise.resolve('');
  const { onLine, encoding = 'utf8' } = options;
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (onLine) {
    const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', (line) => onLine(line, name));
  }
  return new Promise((resolve) => {
    stream.once('close', () => resolve(Buffer.concat(chunks).toString(encoding)));
  });
}

function supervise(child: ChildProcess, options: RunOptions, onTimeout: () => void): () => void {
  let killTimer: NodeJS.Timeout | undefined;
  let pipeTimer: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill(options.killSignal ?? 'SIGTERM');
    killTimer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    killTimer.unref();
    // Somebody else may hold its pipes: what it started, or the ssh whose connection it shared. Nobody waits for them.
    child.once('exit', () => {
      pipeTimer = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, 1_000);
    });
  };
  options.signal?.addEventListener('abort', end, { once: true });
  if (options.signal?.aborted) end();
  const limit = options.timeoutMs
    ? setTimeout(() => {
        onTimeout();
        end();
      }, options.timeoutMs)
    : undefined;
  return () => {
    options.signal?.removeEventListener('abort', end);
    clearTimeout(limit);
    clearTimeout(killTimer);
    clearTimeout(pipeTimer);
  };
}

/** The search path of a server: its `path_prefix` before the caller's PATH. */
export function searchPath(pathPrefix: string | null, env: NodeJS.ProcessEnv = process.env): string {
  return pathPrefix ? `${pathPrefix}${delimiter}${env.PATH ?? ''}` : (env.PATH ?? '');
}

/** The first executable regular file called `name` on a search path; undefined when there is none. */
export function which(name: string, path: string): string | undefined {
  for (const directory of path.split(delimiter)) {
    if (directory === '') continue;
    const candidate = join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // Not there, or not ours to run: the next directory may have it.
    }
  }
  return undefined;
}

/**
 * The command line under which the kernel sends `signal` to the program when we die, even by kill -9: setpriv(1) in front of
 * it. Where setpriv is missing or does not know how (busybox), the command line as it is.
 */
export async function boundToParent(
  [command, ...args]: readonly [string, ...string[]],
  signal: 'INT' | 'KILL',
  env: NodeJS.ProcessEnv,
): Promise<readonly [string, ...string[]]> {
  const setpriv = which('setpriv', env.PATH ?? '') ?? which('setpriv', '/usr/bin:/bin');
  if (setpriv === undefined) return [command, ...args];
  try {
    const probe = await run(setpriv, ['--pdeathsig', signal, '/bin/true'], { env, timeoutMs: 5_000 });
    if (probe.code === 0) return [setpriv, '--pdeathsig', signal, command, ...args];
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
  return [command, ...args];
}
