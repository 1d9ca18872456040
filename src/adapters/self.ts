/** Starting this very program again: as a detached child that outlives us (cron), or as one that is watched (daemon). */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../domain/errors.ts';
import { start } from './process.ts';

export interface SelfFacts {
  readonly config: { readonly path: string };
  readonly env: NodeJS.ProcessEnv;
}

/** `[node, bin/barman]`: the command line prefix that runs this program. */
export function selfCommand(): readonly [string, string] {
  // The bundle lives in dist/, the sources in src/adapters/.
  for (const relative of ['../bin/barman', '../../bin/barman']) {
    const launcher = fileURLToPath(new URL(relative, import.meta.url));
    if (existsSync(launcher)) return [process.execPath, launcher];
  }
  throw new CommandError('the launcher bin/barman is missing', { hint: 'reinstall this program' });
}

/**
 * Starts `barman -c CONFIG -q ARGS...` in its own session and does not wait for it. Its output goes nowhere, or with
 * `keepDescriptors` to our own. Returns its pid once it runs.
 * @throws CommandError when no process can be started
 */
export function startInBackground(
  facts: SelfFacts,
  args: readonly string[],
  options: { keepDescriptors?: boolean } = {},
): Promise<number> {
  const stream = options.keepDescriptors ? 'inherit' : 'ignore';
  const child = startSelf(facts, ['-q', ...args], ['ignore', stream, stream]);
  child.unref();
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new CommandError(`cannot start "barman ${args.join(' ')}": ${cause.message}`, { cause })));
    child.once('spawn', () => resolve(child.pid ?? 0));
  });
}

/** Starts `barman -c CONFIG ARGS...` in a session of its own, so that a Ctrl-C reaches it only through us. */
export function startSelf(
  facts: SelfFacts,
  args: readonly string[],
  stdio: ['ignore', 'ignore' | 'inherit' | 'pipe', 'ignore' | 'inherit' | 'pipe'],
): ChildProcess {
  const [node, launcher] = selfCommand();
  return start(node, [launcher, '-c', facts.config.path, ...args], { stdio, env: facts.env, detached: true });
}
