/** The host behind an ssh command of the configuration, reached as `ssh_transport` says. */
import type { SshExecutor } from '../host/executor/openssh.ts';
import { sshExecutor } from '../host/executor/openssh.ts';
import type { ServerScope } from './scope.ts';

/**
 * Opens nothing before its first command; whoever asks for it closes it.
 * @throws ConfigError for `ssh_transport = ssh2` without the library ssh2
 */
export async function openRemoteHost(
  { config, programEnv, signal }: Pick<ServerScope, 'config' | 'programEnv' | 'signal'>,
  command: string,
): Promise<SshExecutor> {
  const options = { command, env: programEnv, signal };
  if (config.sshTransport !== 'ssh2') return sshExecutor(options);
  const { loadSsh2 } = await import('../host/executor/ssh2-client.ts');
  await loadSsh2();
  const { ssh2Executor } = await import('../host/executor/ssh2.ts');
  return ssh2Executor(options);
}
