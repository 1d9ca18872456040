/** Where a WAL command was called from. Source: docs/behaviour/cli.md 7. */

/** ` (SSH host: ADDRESS)` when we were called through ssh, otherwise ''. */
export function originOf(env: NodeJS.ProcessEnv): string {
  const address = env.SSH_CONNECTION?.split(' ')[0];
  return address ? ` (SSH host: ${address})` : '';
}
