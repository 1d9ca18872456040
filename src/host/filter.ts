/** A program that reads stdin and writes stdout, as a stream to put into a pipeline. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { CommandError } from '../domain/errors.ts';

/** How much of a failing program's stderr goes into the message, characters. */
const STDERR_TAIL = 2_000;

/**
 * Starts the program. The stream fails with CommandError when it cannot be started or does not end with 0. An open file in
 * `descriptor` is the program's descriptor 3.
 */
export function programFilter(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  descriptor?: number,
): Duplex {
  const extra = descriptor === undefined ? [] : [descriptor];
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe', ...extra],
    env,
  }) as ChildProcessWithoutNullStreams;
  let stderr = '';
  let gone = false;
  let waiting: (() => void) | undefined;
  const proceed = () => {
    const next = waiting;
    waiting = undefined;
    next?.();
  };
  const stream = new Duplex({
    write(chunk: Buffer, _encoding, done) {
      if (gone || child.stdin.write(chunk)) done();
      else waiting = done;
    },
    final(done) {
      child.stdin.end();
      done();
    },
    read() {
      child.stdout.resume();
    },
    destroy(error, done) {
      endChild(child);
      done(error);
    },
  });
  child.stdin.on('drain', proceed);
  // A program that stops reading is judged by its exit code, not by our broken pipe.
  child.stdin.on('error', proceed);
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_TAIL);
  });
  child.once('error', (cause) => stream.destroy(new CommandError(`${command}: ${cause.message}`, { cause })));
  child.once('close', (code, signal) => {
    gone = true;
    if (code === 0) {
      stream.push(null);
      proceed();
      return;
    }
    stream.destroy(failure(command, args, { code, signal, stderr }));
  });
  return stream;
}

/**
 * Lets the program read one open file and write another: no byte passes through this process. Both are used from their
 * beginning. @throws CommandError when it cannot be started or does not end with 0
 */
export function runFilter(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  files: { readonly input: number; readonly output: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: [files.input, files.output, 'pipe'], env });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_TAIL);
    });
    child.once('error', (cause) => reject(new CommandError(`${command}: ${cause.message}`, { cause })));
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(failure(command, args, { code, signal, stderr }));
    });
  });
}

function failure(
  command: string,
  args: readonly string[],
  { code, signal, stderr }: { code: number | null; signal: NodeJS.Signals | null; stderr: string },
): CommandError {
  const end = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const words = stderr.trim();
  return new CommandError(`${[command, ...args].join(' ')} failed with ${end}${words === '' ? '' : `: ${words}`}`);
}

function endChild(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
}
