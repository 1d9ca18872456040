/**
 * Programs that must not outlive us, not even when we are killed: setpriv(1) in front of the command line has the kernel
 * signal them. Where setpriv is missing or does not know how (busybox), they run without it.
 */
import { type Child, type ChildOptions, startChild, superviseChild } from './child.ts';
import { which } from './search-path.ts';

export type DeathSignal = 'INT' | 'KILL';

/** `startChild` for a program to which the kernel sends `signal` when we die. */
export async function startBoundChild(
  command: string,
  args: readonly string[],
  signal: DeathSignal,
  options: ChildOptions,
): Promise<Child> {
  const prefix = await deathPrefix(signal, options.env ?? process.env);
  return superviseChild(command, args, [...prefix, command, ...args], options);
}

/** One program answers the same for a whole run: it is asked once. */
const answers = new Map<string, Promise<readonly string[]>>();

async function deathPrefix(signal: DeathSignal, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const setpriv = which('setpriv', env.PATH ?? '') ?? which('setpriv', '/usr/bin:/bin');
  if (setpriv === undefined) return [];
  const key = `${signal} ${setpriv}`;
  const answer = answers.get(key) ?? askSetpriv(setpriv, signal, env);
  answers.set(key, answer);
  return answer;
}

async function askSetpriv(setpriv: string, signal: DeathSignal, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const prefix = ['--pdeathsig', signal];
  const probe = startChild(setpriv, [...prefix, '/bin/true'], { stdio: 'ignore', env, timeoutMs: 5_000 });
  const end = await probe.done.catch(() => undefined);
  return end?.code === 0 ? [setpriv, ...prefix] : [];
}
