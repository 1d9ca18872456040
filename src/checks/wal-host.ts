/** The host that the WAL is streamed from, when it is another one than conninfo. Source: spec check.md row 11. */
import { remoteStatus } from '../server/status.ts';
import { withServer } from '../server/server.ts';
import { useWalConninfo } from '../server/wal-conninfo.ts';
import { checkSlot, checkWalStreaming } from './postgres.ts';
import type { CheckScope } from './scope.ts';

/** Checks that host on connections of its own, slot included. False when there is no such host. */
export async function checkWalHost(scope: CheckScope): Promise<boolean> {
  const { config } = scope.server;
  const walHost = useWalConninfo(config).config;
  if (walHost.conninfo === config.conninfo) return false;
  await withServer(
    scope.ctx,
    walHost,
    async (server) => {
      const status = await remoteStatus(scope.ctx, server);
      await checkWalStreaming(scope, status);
      await checkSlot(scope, status, ' (WAL streaming)');
    },
    { offline: true },
  );
  return true;
}
