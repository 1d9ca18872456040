/**
 * External programs that are run to their end and gathered. Arguments are an array and never meet a shell, except
 * `runShell`, which is for command lines that the administrator wrote into the configuration.
 */
import type { Readable } from 'node:stream';
import { type ChildOptions, startChild } from './child.ts';
import type { CommandEnd } from './failure.ts';
import { type DeathSignal, startBoundChild } from './parent-death.ts';

export interface RunOptions extends Pick<ChildOptions, 'env' | 'cwd' | 'onLine' | 'signal' | 'timeoutMs'> {
  /** How the gathered output becomes text; `latin1` keeps every byte. */
  readonly encoding?: 'utf8' | 'latin1';
  /** Written to the program's standard input, which is then closed. */
  readonly input?: string | Uint8Array;
  /** Of each of its outputs the last so many bytes are kept; all of them unless told. */
  readonly keep?: number;
  /** The kernel sends it this signal when we die, even by kill -9: see parent-death.ts. */
  readonly deathSignal?: DeathSignal;
}

/** `stderr` is all of it. */
export interface RunResult extends CommandEnd {
  readonly stdout: string;
}

/**
 * Runs a program to its end and gathers its output. A non-zero exit is a result, not an error.
 * @throws CommandError when the program cannot be started
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { encoding = 'utf8', input, deathSignal, keep = Infinity, ...rest } = options;
  const how: ChildOptions = { ...rest, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] };
  const child =
    deathSignal === undefined ? startChild(command, args, how) : await startBoundChild(command, args, deathSignal, how);
  const [stdout, stderr] = [gather(child.stdout, keep), gather(child.stderr, keep)];
  // A program that ends without reading its input is judged by its exit code, not by our broken pipe.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const end = await child.done;
  return { ...end, stdout: Buffer.concat(stdout).toString(encoding), stderr: Buffer.concat(stderr).toString(encoding) };
}

/** Runs the administrator's own command line with `sh -c`. */
export async function runShell(commandLine: string, options: RunOptions = {}): Promise<RunResult> {
  return run('/bin/sh', ['-c', commandLine], options);
}

function gather(stream: Readable | null, keep: number): readonly Buffer[] {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    while (size - (chunks[0]?.length ?? 0) >= keep) size -= chunks.shift()?.length ?? 0;
  });
  return chunks;
}
