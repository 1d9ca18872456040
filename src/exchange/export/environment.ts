/**
 * `barman.json` of an export: the program and the host that made it. For people: nothing reads it back.
 * Source: docs/behaviour/catalog.md 13.
 */
import { arch, hostname, release, type, version } from 'node:os';
import { run } from '../../host/process/run.ts';
import { CommandError } from '../../domain/errors.ts';
import { isoTimestamp, timestampOf } from '../../domain/time/timestamp.ts';
import { COMPATIBLE_VERSION } from '../../domain/version.ts';
import { jsonText } from '../../output/json-text.ts';

/** The document; its keys are Barman's, though no Python is at work here. `path` is the search path. */
export async function describeEnvironment(now: Date, env: NodeJS.ProcessEnv): Promise<string> {
  const ask = (command: string, args: readonly string[]) => answer(command, args, env);
  const [system, rsync, ssh] = await Promise.all([
    ask('lsb_release', ['-i', '-d', '-r', '-c']),
    ask('rsync', ['--version']),
    ask('ssh', ['-V']),
  ]);
  return jsonText(
    {
      barman_ver: COMPATIBLE_VERSION,
      kernel_ver: `${type()} ${hostname()} ${release()} ${version()} ${machine()}`,
      python_executable: process.execPath,
      python_ver: `Node.js ${process.version}`,
      release: system,
      rsync_ver: rsync.split('\n')[0] ?? '',
      ssh_ver: ssh,
      timestamp: isoTimestamp(timestampOf(now)),
    },
    4,
  );
}

function machine(): string {
  return arch() === 'x64' ? 'x86_64' : arch();
}

/** What a program says of itself on either stream; '' where it is missing. */
async function answer(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { code, stdout, stderr } = await run(command, args, { env, timeoutMs: 10_000 });
    return code === 0 ? (stdout || stderr).trim() : '';
  } catch (error) {
    if (error instanceof CommandError) return '';
    throw error;
  }
}
