/**
 * The host that the WAL is streamed from, when it is another one than conninfo. Source: docs/behaviour/check.md row 11.
 */
import { withServer } from '../server/with-server.ts';
import { useWalConninfo } from '../server/wal-conninfo.ts';
import { checkSlot, checkWalStreaming } from './postgres.ts';
import type { CheckRun } from './scope.ts';

/** Checks that host on connections of its own, slot included. False when there is no such host. */
export async function checkWalHost(run: CheckRun): Promise<boolean> {
  const { server: walHost } = useWalConninfo(run.scope);
  if (walHost.config.conninfo === run.scope.config.conninfo) return false;
  await withServer(
    run.scope,
    walHost,
    async (scope) => {
      const status = await scope.status();
      await checkWalStreaming(run, status);
      await checkSlot(run, status, ' (WAL streaming)');
    },
    { offline: true },
  );
  return true;
}
