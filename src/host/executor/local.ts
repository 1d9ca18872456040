/** The executor of this host. */
import { lstat, readFile } from 'node:fs/promises';
import { CommandError, errnoOf, messageOf } from '../../domain/errors.ts';
import type { Executor, FileKind } from '../executor.ts';
import { listNames, makeDirectory, unlinkIfPresent, writeDurably } from '../files.ts';
import { run } from '../process/run.ts';

/** `env` is the environment of every command that brings none. */
export function localExecutor(env: NodeJS.ProcessEnv): Executor {
  return {
    name: 'local',
    isRemote: false,
    run: ([program, ...args], options) => run(program, args, { env, ...options }),
    kindOf: (path) => failing(path, async () => kindOf(path)),
    list: (path) =>
      failing(path, async () => {
        const kind = await kindOf(path);
        return kind === null ? null : listNames(path);
      }),
    readFile: (path) => failing(path, () => readFile(path)),
    writeFile: (path, content, mode = 0o600) => failing(path, () => writeDurably(path, content, { mode })),
    makeDirectory: (path, mode) =>
      failing(path, async () => {
        await makeDirectory(path, mode);
      }),
    removeFile: (path) =>
      failing(path, async () => {
        await unlinkIfPresent(path);
      }),
    rsyncShell: async () => null,
    close: async () => {},
  };
}

async function kindOf(path: string): Promise<FileKind | null> {
  try {
    const facts = await lstat(path);
    if (facts.isSymbolicLink()) return 'link';
    if (facts.isDirectory()) return 'directory';
    return facts.isFile() ? 'file' : 'other';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

async function failing<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    throw new CommandError(`'${path}': ${messageOf(cause)}`, { cause });
  }
}
