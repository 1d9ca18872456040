/**
 * What the user's ssh makes of the administrator's command: `ssh -G` prints the options in force (ssh_config(5), after
 * Host and Match blocks and -o). An ssh that cannot tell is used exactly as Barman uses it.
 */
import { type Command } from '../executor.ts';
import { run } from '../process/run.ts';

/** Lower-case option -> its values, in order. */
export type SshSettings = ReadonlyMap<string, readonly string[]>;

/** What Barman appends to every ssh command of a backup. */
export const BARMAN_OPTIONS = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no'] as const;

/** A question that asks nobody over the network: it may take this long, ms. */
const PATIENCE = 10_000;

/** The settings in force; undefined when the program is no OpenSSH client or does not know `-G` (before 6.8). */
export async function askSshSettings(words: Command, env: NodeJS.ProcessEnv): Promise<SshSettings | undefined> {
  const [program, ...args] = words;
  const result = await run(program, [...args, '-G'], { env, timeoutMs: PATIENCE }).catch(() => undefined);
  if (result?.code !== 0) return undefined;
  const settings = new Map<string, string[]>();
  for (const line of result.stdout.split('\n')) {
    const cut = line.indexOf(' ');
    if (cut <= 0) continue;
    const name = line.slice(0, cut).toLowerCase();
    settings.set(name, [...(settings.get(name) ?? []), line.slice(cut + 1)]);
  }
  return settings.has('hostname') && settings.has('user') && settings.has('port') ? settings : undefined;
}

/** The first value of an option, or undefined. */
export function settingOf(settings: SshSettings, name: string): string | undefined {
  return settings.get(name)?.[0];
}

/**
 * Options behind the administrator's words: never a question, a changed host key refused, a dead peer noticed within a
 * minute. What the user has set is left alone.
 */
export function politeOptions(settings: SshSettings | undefined): string[] {
  // compat 3.20.1: it cannot be told what this program understands.
  if (settings === undefined) return [...BARMAN_OPTIONS];
  const options = ['-o', 'BatchMode=yes'];
  if ((settingOf(settings, 'stricthostkeychecking') ?? 'ask') === 'ask') {
    options.push('-o', 'StrictHostKeyChecking=accept-new');
  }
  if ((settingOf(settings, 'serveraliveinterval') ?? '0') === '0') {
    options.push('-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4');
  }
  if ((settingOf(settings, 'connecttimeout') ?? 'none') === 'none') options.push('-o', 'ConnectTimeout=30');
  return options;
}

/** True when the user shares connections already: then it is not for us to arrange. */
export function sharesConnections(settings: SshSettings): boolean {
  const path = settingOf(settings, 'controlpath') ?? 'none';
  return path !== 'none';
}
