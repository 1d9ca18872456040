/** A filesystem without hard links, modes and flushed directories: a library that is preloaded into the program. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('poor-filesystem.c', import.meta.url));

/** Compiles it into `folder`; the result is the environment of a program for which `root` is poor. Needs a C compiler. */
export async function buildPoorFilesystem(
  folder: string,
  root: string,
): Promise<(linkErrno: number) => NodeJS.ProcessEnv> {
  const library = join(folder, 'poor-filesystem.so');
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl']);
  return (linkErrno) => ({ LD_PRELOAD: library, POOR_ROOT: root, POOR_LINK: String(linkErrno) });
}
