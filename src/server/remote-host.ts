/** The host behind an ssh command of the configuration, reached as `ssh_transport` says. */
import type { SshExecutor } from '../host/executor/openssh.ts';
import { sshExecutor } from '../host/executor/openssh.ts';
import type { ServerConfig } from '../config/options.ts';
import type { CommandContext } from './context.ts';

/** Opens nothing before its first command; whoever asks for it closes it. */
export async function openRemoteHost(
  ctx: CommandContext,
  config: ServerConfig,
  { command, searchPath }: { readonly command: string; readonly searchPath: string },
): Promise<SshExecutor> {
  const options = { command, env: { ...ctx.env, PATH: searchPath }, signal: ctx.signal };
  if (config.sshTransport !== 'ssh2') return sshExecutor(options);
  const { ssh2Executor } = await import('../host/executor/ssh2.ts');
  return ssh2Executor(options);
}
