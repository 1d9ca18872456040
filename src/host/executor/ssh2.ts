/**
 * The executor of `ssh_transport = ssh2`: commands run over a connection of this very process, without a program of
 * their own. OpenSSH stands by: it does what the library cannot, and carries rsync.
 */
import type { Client, ClientChannel } from 'ssh2';
import { quoteForShell, splitShellWords } from '../../domain/text/shell-words.ts';
import type { Command } from '../executor.ts';
import type { RunOptions, RunResult } from '../process/run.ts';
import { LineSplitter } from '../process/line-splitter.ts';
import { sshExecutor, type SshExecutor, type SshOptions } from './openssh.ts';
import { remoteFiles } from './remote-files.ts';
import { connectSsh2, isPlainSsh, ssh2Config } from './ssh2-client.ts';
import { askSshSettings } from './ssh-config.ts';

/** ssh(1): an error of the connection, not of the command. */
const CONNECTION_FAILED = 255;

export function ssh2Executor(options: SshOptions): SshExecutor {
  const openssh = sshExecutor(options);
  const closing = new AbortController();
  let asked: Promise<Client | undefined> | undefined;
  const connect = () =>
    (asked ??= openClient(options, closing.signal).then((client) => {
      // The next command opens another one.
      client?.once('close', () => {
        asked = undefined;
      });
      return client;
    }));
  const run = async (command: Command, runOptions: RunOptions = {}): Promise<RunResult> => {
    const client = await connect();
    if (client === undefined) return openssh.run(command, runOptions);
    const signal = runOptions.signal ?? options.signal;
    return runOver(client, command, { ...runOptions, ...(signal ? { signal } : {}) });
  };
  return {
    name: options.command,
    isRemote: true,
    shown: openssh.shown,
    run,
    ...remoteFiles(run),
    rsyncShell: openssh.rsyncShell,
    close: async () => {
      closing.abort();
      const client = await asked;
      client?.end();
      await openssh.close();
    },
  };
}

/** undefined when OpenSSH has to do it, and when there is no connection: OpenSSH then says why, in its own words. */
async function openClient({ command, env, signal }: SshOptions, closing: AbortSignal): Promise<Client | undefined> {
  const [program, ...args] = splitShellWords(command);
  if (program === undefined || !isPlainSsh([program, ...args])) return undefined;
  const settings = await askSshSettings([program, ...args], env);
  const config = settings && (await ssh2Config(settings, env).catch(() => undefined));
  if (config === undefined) return undefined;
  return connectSsh2(config, signal ? AbortSignal.any([signal, closing]) : closing).catch(() => undefined);
}

function runOver(client: Client, command: Command, options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const remote = command.map(quoteForShell).join(' ');
  const [program, ...args] = command;
  return new Promise((resolve) => {
    client.exec(remote, (error, channel) => {
      if (error === undefined) {
        resolve(gather(client, channel, command, options, started));
        return;
      }
      const durationMs = performance.now() - started;
      const facts = { command: program, args, signal: null, durationMs, timedOut: false };
      resolve({ ...facts, code: CONNECTION_FAILED, stdout: '', stderr: `ssh2: ${error.message}\n` });
    });
  });
}

function gather(
  client: Client,
  channel: ClientChannel,
  [program, ...args]: Command,
  options: RunOptions,
  started: number,
): Promise<RunResult> {
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  const follow = (name: 'stdout' | 'stderr', stream: NodeJS.ReadableStream) => {
    const lines = options.onLine && new LineSplitter((line) => options.onLine?.(line, name));
    stream.on('data', (chunk: Buffer) => {
      chunks[name].push(chunk);
      lines?.write(chunk);
    });
    stream.on('end', () => lines?.end());
  };
  follow('stdout', channel);
  follow('stderr', channel.stderr);
  channel.on('error', () => {});
  channel.end(options.input ?? '');
  let timedOut = false;
  let ended: NodeJS.Signals | null = null;
  return new Promise((resolve) => {
    const finish = (code: number | null) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      client.removeListener('close', lose);
      const text = (name: 'stdout' | 'stderr') => Buffer.concat(chunks[name]).toString(options.encoding ?? 'utf8');
      const durationMs = performance.now() - started;
      const facts = { command: program, args, code, signal: ended, durationMs, timedOut };
      resolve({ ...facts, stdout: text('stdout'), stderr: text('stderr') });
    };
    const stop = () => {
      ended = 'SIGTERM';
      channel.signal(ended.slice(3));
      channel.close();
      finish(null);
    };
    const lose = () => finish(CONNECTION_FAILED);
    const timer = options.timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          stop();
        }, options.timeoutMs)
      : undefined;
    let code: number | null = null;
    let name: string | undefined;
    channel.on('exit', (exitCode: number | null, signal?: string) => {
      code = exitCode;
      name = signal;
    });
    channel.on('close', () => {
      if (name !== undefined) ended = name as NodeJS.Signals;
      finish(code ?? (ended === null ? CONNECTION_FAILED : null));
    });
    client.once('close', lose);
    options.signal?.addEventListener('abort', stop, { once: true });
    if (options.signal?.aborted) stop();
  });
}
