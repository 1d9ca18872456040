/** A server for the time of a piece of work. */
import type { ServerInForce } from '../config/in-force.ts';
import type { CommandContext } from './context.ts';
import type { OpenOptions, ServerScope } from './scope.ts';

/** Opens a server for the time of `body` and closes its connections afterwards. */
export async function withServer<T>(
  ctx: CommandContext,
  server: ServerInForce,
  body: (scope: ServerScope) => Promise<T>,
  options: OpenOptions = {},
): Promise<T> {
  const { openServer } = await import('./open.ts');
  const scope = await openServer(ctx, server, options);
  try {
    return await body(scope);
  } finally {
    await scope.close();
  }
}
