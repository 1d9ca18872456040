/**
 * The file verbs of a remote host, made of commands that every POSIX host has. Paths travel as arguments of `sh -c`,
 * never inside its text.
 */
import { randomUUID } from 'node:crypto';
import { CommandError } from '../../domain/errors.ts';
import type { Command, Executor, FileKind } from '../executor.ts';
import { compareBytes } from '../files.ts';
import { reasonOf } from '../process/failure.ts';
import type { RunOptions, RunResult } from '../process/run.ts';

const KIND_OF =
  'if [ -L "$1" ]; then echo link; elif [ -d "$1" ]; then echo directory; elif [ -f "$1" ]; then echo file; elif [ -e "$1" ]; then echo other; else echo none; fi';
const LIST =
  'if [ -d "$1" ]; then find "$1/" -mindepth 1 -maxdepth 1 -print0; elif [ -e "$1" ]; then echo "not a directory" >&2; exit 1; else exit 44; fi';
const WRITE =
  'umask 077 && cat > "$2" && chmod "$3" "$2" && { sync "$2" 2>/dev/null || sync; } && mv -f "$2" "$1" && { sync "${1%/*}/" 2>/dev/null || sync; } || { rm -f "$2"; exit 1; }';
/** Exit code of LIST for "no such directory". */
const NOTHING_THERE = 44;

type FileVerbs = Pick<Executor, 'kindOf' | 'list' | 'readFile' | 'writeFile' | 'makeDirectory' | 'removeFile'>;

export function remoteFiles(run: (command: Command, options?: RunOptions) => Promise<RunResult>): FileVerbs {
  const shell = async (path: string, script: string, args: readonly string[], options: RunOptions = {}) => {
    const result = await run(['sh', '-c', script, 'sh', ...args], options);
    if (result.code === 0 || (script === LIST && result.code === NOTHING_THERE)) return result;
    throw new CommandError(`'${path}': ${reasonOf(result)}`);
  };
  return {
    kindOf: async (path) => {
      const word = (await shell(path, KIND_OF, [path])).stdout.trim();
      return word === 'none' ? null : (word as FileKind);
    },
    list: async (path) => {
      const { code, stdout } = await shell(path, LIST, [path]);
      if (code === NOTHING_THERE) return null;
      const names = stdout.split('\0').filter((name) => name !== '');
      return names.map((name) => name.slice(name.lastIndexOf('/') + 1)).sort(compareBytes);
    },
    readFile: async (path) =>
      Buffer.from((await shell(path, 'cat < "$1"', [path], { encoding: 'latin1' })).stdout, 'latin1'),
    writeFile: async (path, content, mode = 0o600) => {
      const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
      await shell(path, WRITE, [path, temporary, mode.toString(8)], { input: content });
    },
    makeDirectory: async (path, mode) => {
      const script = 'mkdir -p "$1" && { [ -z "$2" ] || chmod "$2" "$1"; }';
      await shell(path, script, [path, mode === undefined ? '' : mode.toString(8)]);
    },
    removeFile: async (path) => {
      await shell(path, 'rm -f "$1"', [path]);
    },
  };
}
