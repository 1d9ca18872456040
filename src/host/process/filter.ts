/** A program that reads stdin and writes stdout, as a stream to put into a pipeline. */
import { Duplex, type Readable, type Writable } from 'node:stream';
import { type Child, startChild } from './child.ts';
import { commandFailure } from './failure.ts';

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
  const child = startChild(command, args, { stdio: ['pipe', 'pipe', 'pipe', ...extra], env });
  const { stdin, stdout, done } = child as Child & { readonly stdin: Writable; readonly stdout: Readable };
  let gone = false;
  let waiting: (() => void) | undefined;
  const proceed = () => {
    const next = waiting;
    waiting = undefined;
    next?.();
  };
  const stream = new Duplex({
    write(chunk: Buffer, _encoding, written) {
      if (gone || stdin.write(chunk)) written();
      else waiting = written;
    },
    final(finished) {
      stdin.end();
      finished();
    },
    read() {
      stdout.resume();
    },
    destroy(error, destroyed) {
      child.end();
      destroyed(error);
    },
  });
  stdin.on('drain', proceed);
  // A program that stops reading is judged by its exit code, not by our broken pipe.
  stdin.on('error', proceed);
  stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) stdout.pause();
  });
  done.then(
    (end) => {
      gone = true;
      if (end.code !== 0) {
        stream.destroy(commandFailure(end));
        return;
      }
      stream.push(null);
      proceed();
    },
    (error: Error) => stream.destroy(error),
  );
  return stream;
}

/**
 * Lets the program read one open file and write another: no byte passes through this process. Both are used from their
 * beginning. @throws CommandError when it cannot be started or does not end with 0
 */
export async function runFilter(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  files: { readonly input: number; readonly output: number },
): Promise<void> {
  const end = await startChild(command, args, { stdio: [files.input, files.output, 'pipe'], env }).done;
  if (end.code !== 0) throw commandFailure(end);
}
