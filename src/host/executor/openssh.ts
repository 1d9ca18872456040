/**
 * The executor of a remote host: the administrator's own ssh command, with its options, jump hosts and agents. All
 * commands share one connection where the user's ssh allows it. Source: docs/behaviour/backup.md 5.4, check.md 1.3.
 */
import { CommandError } from '../../domain/errors.ts';
import { quoteForRsyncShell, quoteForShell, splitShellWords } from '../../domain/text/shell-words.ts';
import type { Command, Executor } from '../executor.ts';
import { run, type RunOptions, type RunResult } from '../process/run.ts';
import { remoteFiles } from './remote-files.ts';
import { type SharedConnection, shareConnection } from './shared-connection.ts';
import { askSshSettings, BARMAN_OPTIONS, politeOptions, sharesConnections, type SshSettings } from './ssh-config.ts';

export interface SshOptions {
  /** `ssh_command`, as configured. */
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
  /** Aborting it gives up a connection attempt. */
  readonly signal?: AbortSignal;
}

export interface SshExecutor extends Executor {
  /** The command as Barman shows it when it fails. compat 3.20.1: with its own options, not ours. */
  readonly shown: string;
}

/** Makes the executor; nothing runs before the first command. */
export function sshExecutor({ command, env, signal }: SshOptions): SshExecutor {
  const given = splitShellWords(command);
  let asked: Promise<SshSettings | undefined> | undefined;
  let shared: Promise<SharedConnection | undefined> | undefined;
  const closing = new AbortController();
  const untilClosed = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
  const settings = () => (asked ??= askSshSettings(asCommand(given, command), env));
  const words = async (): Promise<Command> => [...asCommand(given, command), ...politeOptions(await settings())];
  const connect = async () => {
    const known = await settings();
    if (known === undefined || sharesConnections(known)) return undefined;
    return shareConnection(await words(), env, untilClosed);
  };
  const commandWords = async (): Promise<Command> => {
    const connection = await (shared ??= connect());
    return [...(await words()), ...(connection?.options ?? [])];
  };

  const runThere = async (remote: Command, options: RunOptions = {}): Promise<RunResult> => {
    const [program, ...args] = await commandWords();
    // Environment and folder are those of the login over there; here they would be ssh's.
    const { env: _env, cwd: _cwd, ...rest } = options;
    return run(program, [...args, remote.map(quoteForShell).join(' ')], {
      ...(signal ? { signal } : {}),
      ...rest,
      env,
    });
  };
  return {
    name: command,
    isRemote: true,
    shown: [...given, ...BARMAN_OPTIONS].join(' '),
    run: runThere,
    ...remoteFiles(runThere),
    rsyncShell: async () => {
      const [program, ...args] = await commandWords();
      return [program, ...args.map(quoteForRsyncShell)].join(' ');
    },
    close: async () => {
      closing.abort();
      const open = await shared?.catch(() => undefined);
      shared = undefined;
      await open?.close();
    },
  };
}

function asCommand(words: readonly string[], command: string): Command {
  const [program, ...rest] = words;
  if (program === undefined) throw new CommandError(`the ssh command '${command}' is empty`);
  return [program, ...rest];
}
