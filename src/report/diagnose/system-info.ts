/**
 * What a host is made of: system, runtime, programs. Asked here or over ssh alike. Source: docs/behaviour/check.md 6.
 */
import type { Command, Executor } from '../../host/executor.ts';
import { CommandError } from '../../domain/errors.ts';
import type { JsonObject } from '../../output/output.ts';

/** How long one question may take, ms. */
const PATIENCE = 20_000;

type Ask = (command: Command) => Promise<string | null>;

/**
 * null when the host cannot be reached. A program that is missing there gives ''.
 * @param signal gives up all questions
 */
export async function askSystem(host: Executor, signal: AbortSignal): Promise<JsonObject | null> {
  const ask: Ask = async (command) => {
    try {
      const { code, stdout, stderr } = await host.run(command, { timeoutMs: PATIENCE, signal });
      // `ssh -V` speaks to stderr.
      return code === 0 ? stdout.trim() || (command[0] === 'ssh' ? stderr.trim() : '') : null;
    } catch (error) {
      if (error instanceof CommandError) return null;
      throw error;
    }
  };
  const kernel = await ask(['uname', '-a']);
  if (kernel === null && host.isRemote) return null;
  const [release, rsync, ssh, runtime] = await Promise.all([
    askRelease(ask),
    ask(['rsync', '--version']),
    ask(['ssh', '-V']),
    host.isRemote ? askPython(ask) : { python_executable: process.execPath, python_ver: `Node.js ${process.version}` },
  ]);
  return {
    kernel_ver: kernel ?? '',
    release,
    rsync_ver: firstLine(rsync),
    ssh_ver: firstLine(ssh),
    ...runtime,
  };
}

const firstLine = (text: string | null) => text?.split('\n')[0] ?? '';

async function askRelease(ask: Ask): Promise<string> {
  const standard = await ask(['lsb_release', '-a']);
  if (standard) return standard;
  for (const [path, words] of [
    ['/etc/lsb-release', 'Ubuntu Linux'],
    ['/etc/debian_version', 'Debian GNU/Linux'],
    ['/etc/redhat-release', 'RedHat Linux'],
  ] as const) {
    const text = await ask(['cat', path]);
    if (text) return `${words} ${text}`;
  }
  return (await ask(['sw_vers'])) ?? '';
}

/** Barman there may be either make: the interpreter is told as the reference tells it. */
async function askPython(ask: Ask): Promise<JsonObject> {
  const [path, version] = await Promise.all([ask(['which', 'python3']), ask(['python3', '--version'])]);
  return { python_executable: path ?? '', python_ver: version ?? '' };
}
