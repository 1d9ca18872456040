/** Where programs are looked for. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

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
