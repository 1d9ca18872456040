/** Starting this very program again: as a detached child that outlives us (cron), or as one that is watched (daemon). */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../domain/errors.ts';
import { cannotStart } from './process/failure.ts';
import { type Child, startChild, superviseChild } from './process/child.ts';
import { which } from './process/search-path.ts';

export interface SelfFacts {
  readonly configuration: { readonly path: string };
  readonly env: NodeJS.ProcessEnv;
}

/** `[node, bin/barman]`: the command line prefix that runs this program. */
export function selfCommand(): readonly [string, string] {
  // The bundle lives in dist/, the sources in src/host/.
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
  child.letGo();
  return child.started;
}

/** How many commands of one kind run at once when there are many. */
const AT_ONCE = 8;

/**
 * Starts `barman -c CONFIG -q NAME ITEM` for every item in the background, a few at a time: a hundred interpreters at once
 * would take memory and processors away from everything else, us included. The queue is kept by xargs(1), which outlives
 * us; where it is missing the commands are started at once. For commands that end by themselves.
 * @throws CommandError when no process can be started
 */
export async function startEachInBackground(
  facts: SelfFacts,
  name: string,
  items: readonly string[],
  options: { keepDescriptors?: boolean } = {},
): Promise<void> {
  const xargs = items.length > AT_ONCE ? which('xargs', facts.env.PATH ?? '') : undefined;
  if (xargs === undefined) {
    for (const item of items) await startInBackground(facts, [name, item], options);
    return;
  }
  const stream = options.keepDescriptors ? 'inherit' : 'ignore';
  const [node, launcher] = selfCommand();
  const child = startChild(
    xargs,
    ['-0', '-n', '1', '-P', String(AT_ONCE), node, launcher, '-c', facts.configuration.path, '-q', name],
    { stdio: ['pipe', stream, stream], env: facts.env, detached: true },
  );
  // The queue is in the pipe before we go on: nothing of it depends on us any more.
  const handedOver = new Promise<void>((resolve, reject) => {
    child.stdin?.once('error', (cause) => reject(cannotStart(`barman ${name}`, cause)));
    child.stdin?.end(items.map((item) => `${item}\0`).join(''), resolve);
  });
  await Promise.race([handedOver, child.done]);
  child.letGo();
}

/** Starts `barman -c CONFIG ARGS...` in a session of its own, so that a Ctrl-C reaches it only through us. */
export function startSelf(
  facts: SelfFacts,
  args: readonly string[],
  stdio: ['ignore', 'ignore' | 'inherit' | 'pipe', 'ignore' | 'inherit' | 'pipe'],
): Child {
  const words = [...selfCommand(), '-c', facts.configuration.path, ...args];
  // Told to end it takes the time it needs: a backup records itself as failed.
  return superviseChild('barman', args, words, { stdio, env: facts.env, detached: true, graceMs: null });
}
