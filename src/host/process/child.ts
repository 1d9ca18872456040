/**
 * One child process: its start, its lines, its end. Every program that this one runs is started here, so that each of them
 * is ended the same way: politely, then by force, and without waiting for pipes that somebody else holds.
 */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { cannotEnd, cannotStart, type CommandEnd } from './failure.ts';
import { LineSplitter } from './line-splitter.ts';

export interface ChildOptions {
  readonly stdio: StdioOptions;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  /** In a session of its own: a Ctrl-C reaches it only through us. */
  readonly detached?: boolean;
  /** Called for each line of a piped stdout or stderr as it arrives. */
  readonly onLine?: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined;
  /** Aborting it ends the child, see `Child.end`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the child is ended; 0 or unset for no limit. */
  readonly timeoutMs?: number | undefined;
  /** The polite signal by the reason of the abort; SIGTERM unless told. */
  readonly killSignal?: (reason: unknown) => NodeJS.Signals;
  /** Milliseconds from the polite signal to SIGKILL, 10 s unless told; null leaves it the time that it takes. */
  readonly graceMs?: number | null | undefined;
}

export interface Child {
  readonly pid: number | undefined;
  /** Each is null unless piped. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Its pid, once it runs. @throws CommandError when it cannot be started */
  readonly started: Promise<number>;
  /** How it ended, once its pipes are at their end or, where something else holds them, read. @throws CommandError when it cannot be started */
  readonly done: Promise<CommandEnd>;
  /** Ends it: the polite signal now, SIGKILL after the grace. Does nothing to one that is gone. */
  end(): void;
  /** It may outlive us: nothing waits for it. */
  letGo(): void;
}

const GRACE = 10_000;
/**
 * How long the pipes of a child that is gone may stay open, ms: what it started may hold them, or the ssh whose connection it
 * shared. All that the child wrote is read first.
 */
const OPEN_PIPES = 1_000;
/** Looked at so often in that time, so that each look comes after a reading: a busy process is late with both. */
const LOOKS = 4;
/** How much of its stderr is kept, bytes. */
const KEPT = 10_000;

/** Starts a program; nothing meets a shell. One that cannot be started is told by `started` and `done`. */
export function startChild(command: string, args: readonly string[], options: ChildOptions): Child {
  return superviseChild(command, args, [command, ...args], options);
}

/** The same for a command line that is not shown: `words` is what runs, `command` and `args` what messages tell. */
export function superviseChild(
  command: string,
  args: readonly string[],
  [program = command, ...words]: readonly string[],
  options: ChildOptions,
): Child {
  const begun = performance.now();
  const { stdio, env, cwd, detached = false, signal } = options;
  const child = spawn(program, words, { stdio, env, cwd, detached });
  const lastWords = keepLastWords(child.stderr);
  if (options.onLine) followLines(child, options.onLine);
  const ending = endingOf(child, options);
  const abort = () => ending.end(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  let timedOut = false;
  const limit = options.timeoutMs
    ? setTimeout(() => {
        timedOut = true;
        ending.end();
      }, options.timeoutMs)
    : undefined;
  const settle = () => {
    signal?.removeEventListener('abort', abort);
    clearTimeout(limit);
    ending.settle();
  };
  const failed = new Promise<never>((_, reject) => {
    // Once it runs, an error is a signal that may not be sent to it, as to a program of root: the first is enough.
    child.on('error', (cause) => {
      settle();
      reject(child.pid === undefined ? cannotStart(command, cause) : cannotEnd(command, cause));
    });
  });
  const started = new Promise<number>((resolve) => child.once('spawn', () => resolve(child.pid ?? 0)));
  const closed = new Promise<CommandEnd>((resolve) => {
    child.once('close', (code, endSignal) => {
      settle();
      const durationMs = performance.now() - begun;
      resolve({ command, args, code, signal: endSignal, stderr: lastWords(), durationMs, timedOut });
    });
  });
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    started: either(started, failed),
    done: either(closed, failed),
    end: () => ending.end(),
    letGo: () => child.unref(),
  };
}

/** Not everybody asks how it went. */
function either<T>(good: Promise<T>, bad: Promise<never>): Promise<T> {
  const first = Promise.race([good, bad]);
  first.catch(() => {});
  return first;
}

interface Ending {
  end(reason?: unknown): void;
  /** It is gone, pipes and all. */
  settle(): void;
}

function endingOf(child: ChildProcess, { killSignal = () => 'SIGTERM', graceMs = GRACE }: ChildOptions): Ending {
  let isOver = false;
  let force: NodeJS.Timeout | undefined;
  let release: NodeJS.Timeout | undefined;
  let isTold = false;
  const letPipesGo = () => {
    const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null);
    let passed = 0;
    let known = -1;
    // Whoever never paused has read all that was in the pipes, even if somebody goes on writing.
    let hasPaused = false;
    for (const pipe of pipes) pipe.once('pause', () => (hasPaused = true));
    const look = () => {
      const read = pipes.reduce((sum, pipe) => sum + (pipe as Socket).bytesRead, 0);
      const isRead = pipes.every(isDrained) && (read === known || (!hasPaused && pipes.every(isFlowing)));
      // What was told to end has nothing more to say.
      passed = isTold || isRead ? passed + 1 : 0;
      known = read;
      if (passed <= LOOKS) release = setTimeout(look, OPEN_PIPES / LOOKS);
      else for (const pipe of pipes) pipe.destroy();
    };
    look();
  };
  child.once('exit', letPipesGo);
  return {
    end: (reason) => {
      if (isOver) return;
      isTold = true;
      if (isGone(child)) return;
      child.kill(killSignal(reason));
      if (graceMs !== null) force ??= setTimeout(() => child.kill('SIGKILL'), graceMs).unref();
    },
    settle: () => {
      isOver = true;
      clearTimeout(force);
      clearTimeout(release);
    },
  };
}

/** All that came was taken, and its reader wants more. */
function isDrained(pipe: Readable): boolean {
  return isClosed(pipe) || (pipe.readableFlowing !== null && !pipe.isPaused() && pipe.readableLength === 0);
}

function isFlowing(pipe: Readable): boolean {
  return isClosed(pipe) || pipe.readableFlowing === true;
}

function isClosed(pipe: Readable): boolean {
  return pipe.destroyed || pipe.readableEnded;
}

function isGone({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function keepLastWords(stream: Readable | null): () => string {
  let kept = Buffer.alloc(0);
  stream?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-KEPT);
  });
  return () => kept.toString('utf8');
}

function followLines(child: ChildProcess, onLine: NonNullable<ChildOptions['onLine']>): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const lines = new LineSplitter((line) => onLine(line, name));
    child[name]?.on('data', (chunk: Buffer) => lines.write(chunk));
    child[name]?.once('close', () => lines.end());
  }
}
