/** PostgreSQL's client programs on a server's search path. Source: docs/behaviour/check.md 1.3 and 2. */
import { delimiter, join } from 'node:path';
import { run } from '../host/process/run.ts';
import { which } from '../host/process/search-path.ts';
import { BarmanError } from '../domain/errors.ts';
import { parsePostgresVersion, type PostgresVersion } from '../domain/postgres-version.ts';

export interface ClientProgram {
  readonly path: string;
  /** As the program tells it: `15.18`, `16beta1`. */
  readonly versionText: string;
  readonly version: PostgresVersion;
}

/** How long a program may take to tell its version, ms. */
const PATIENCE = 10_000;

/** By environment, which lives as long as a command: a program is asked once, however many servers use it. */
const versions = new WeakMap<NodeJS.ProcessEnv, Map<string, Promise<string | undefined>>>();

/** The first program of one of these names that tells its version; undefined when there is none. */
export async function findClientProgram(
  names: readonly string[],
  searchPath: string,
  env: NodeJS.ProcessEnv,
): Promise<ClientProgram | undefined> {
  for (const directory of searchPath.split(delimiter)) {
    if (directory === '') continue;
    for (const name of names) {
      if (which(name, directory) === undefined) continue;
      const path = join(directory, name);
      const versionText = await versionOf(path, env);
      const version = versionText === undefined ? undefined : parsePostgresVersion(versionText);
      if (versionText !== undefined && version !== undefined) return { path, versionText, version };
    }
  }
  return undefined;
}

function versionOf(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const known = versions.get(env) ?? new Map<string, Promise<string | undefined>>();
  versions.set(env, known);
  const version = known.get(path) ?? askVersion(path, env);
  known.set(path, version);
  return version;
}

async function askVersion(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const result = await run(path, ['--version'], { env, timeoutMs: PATIENCE });
    return result.code === 0 ? /\(PostgreSQL\)\s+(\d\S*)/.exec(result.stdout)?.[1] : undefined;
  } catch (error) {
    if (error instanceof BarmanError) return undefined;
    throw error;
  }
}
