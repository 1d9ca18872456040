/** Compiles the preloaded library and runs a program under it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { runProgram, type ProgramResult } from '../support/sandbox.ts';

const SOURCE = fileURLToPath(new URL('shim.c', import.meta.url));

/** What happens at the chosen call. */
export type Blow = 'kill' | 'EIO' | 'ENOSPC' | 'short write';

const ACTIONS: Readonly<Record<Blow, string>> = {
  kill: 'kill',
  EIO: String(constants.errno.EIO),
  ENOSPC: String(constants.errno.ENOSPC),
  'short write': 'short',
};

/** One call that changed a file below the watched folder; paths are relative to it. */
export interface Step {
  readonly operation: string;
  readonly path: string;
  /** The new name of a rename or a link. */
  readonly to: string | null;
}

/** A call that counts, whether it succeeded or not; the path is relative to the watched folder. */
export interface Call {
  /** From 1. */
  readonly number: number;
  readonly operation: string;
  readonly path: string;
}

export interface StruckRun {
  readonly result: ProgramResult;
  /** Of a run in which nothing was struck; none otherwise. */
  readonly calls: readonly Call[];
  /** What succeeded, in order. */
  readonly steps: readonly Step[];
  /** The call that was struck: `rename pg/wals/x.tmp`; null when the run had fewer calls. */
  readonly struck: string | null;
}

export interface Shim {
  /** Runs the program; `at` counts from 1, 0 strikes nothing. `program` is how the executable's name begins, or several by commas. */
  run(options: {
    readonly root: string;
    readonly program: string;
    readonly command: string;
    readonly args: readonly string[];
    readonly input?: Uint8Array;
    readonly at: number;
    readonly blow: Blow;
    /** Called with the pid once it runs. */
    readonly onStart?: (pid: number) => void;
  }): Promise<StruckRun>;
  dispose(): Promise<void>;
}

/** Needs a C compiler. */
export async function buildShim(): Promise<Shim> {
  const folder = await mkdtemp(join(tmpdir(), 'barman-shim-'));
  const library = join(folder, 'shim.so');
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl']);
  let runs = 0;
  return {
    run: async ({ root, program, command, args, input, at, blow, onStart }) => {
      runs += 1;
      const [counter, trace] = [join(folder, `counter-${runs}`), join(folder, `trace-${runs}`)];
      await writeFile(counter, Buffer.alloc(4));
      await writeFile(trace, '');
      const result = await runProgram(command, args, {
        ...(input === undefined ? {} : { input }),
        ...(onStart === undefined ? {} : { onStart }),
        env: {
          LD_PRELOAD: library,
          CRASH_ROOT: root,
          CRASH_PROGRAM: program,
          CRASH_COUNTER: counter,
          CRASH_AT: String(at),
          CRASH_ACTION: ACTIONS[blow],
          CRASH_TRACE: trace,
          CRASH_SKIP: '.lock',
          // The order of calls is then that of the program.
          UV_THREADPOOL_SIZE: '1',
          UV_USE_IO_URING: '0',
        },
      });
      const lines = (await readFile(trace, 'utf8')).split('\n').filter((line) => line !== '');
      await rm(counter);
      await rm(trace);
      const steps = lines.map((line) => readStep(line, root));
      const struck = steps.find(({ operation }) => operation === 'STRUCK');
      return {
        result,
        calls: steps.flatMap(readCall).toSorted((left, right) => left.number - right.number),
        steps: steps.filter((step) => step !== struck && !CALL.test(step.operation)),
        struck: struck === undefined ? null : `${struck.path} ${struck.to}`,
      };
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

function readStep(line: string, root: string): Step {
  const [operation = '', path = '', to = ''] = line.split('\t').map((part) => part.replaceAll('/./', '/'));
  const below = (text: string) =>
    text === root ? '.' : text.startsWith(`${root}/`) ? text.slice(root.length + 1) : text;
  return { operation, path: below(path), to: to === '' ? null : below(to) };
}

const CALL = /^CALL (\d+)$/;

function readCall({ operation, path, to }: Step): readonly Call[] {
  const number = CALL.exec(operation)?.[1];
  return number === undefined ? [] : [{ number: Number(number), operation: path, path: to ?? '' }];
}
