/** PostgreSQL's client programs on a server's search path. Source: docs/behaviour/check.md 1.3 and 2. */
import { delimiter, join } from 'node:path';
import { run, which } from '../host/process.ts';
import { BarmanError } from '../domain/errors.ts';

export interface ClientProgram {
  readonly path: string;
  /** As the program tells it: `15.18`, `16beta1`. */
  readonly version: string;
  /** Comparable: 15 for 15.18, 9.6 for 9.6.24. */
  readonly major: number;
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
      const version = await versionOf(path, env);
      if (version !== undefined) return { path, version, major: majorVersion(version) };
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

/** `9.6.24` -> 9.6, `15.18` -> 15, `16beta1` -> 16. */
export function majorVersion(version: string): number {
  const [first = 0, second = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return first >= 10 ? first : first + second / 10;
}

/** The same for a server_version_num: 90624 -> 9.6, 150018 -> 15. */
export function majorOfNumber(version: number): number {
  const first = Math.floor(version / 10_000);
  return first >= 10 ? first : first + Math.floor((version % 10_000) / 100) / 10;
}
