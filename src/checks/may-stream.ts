/** What has to hold before receive-wal does anything. Source: docs/behaviour/wal.md 5. */
import { walStreamingChecks } from './run.ts';
import type { ServerScope } from '../server/scope.ts';

/** The preconditions of receive-wal and of its --reset; says which one does not hold. */
export async function mayStream(scope: ServerScope): Promise<boolean> {
  if (!scope.config.streamingArchiver || !scope.role.collects) {
    scope.output.error(
      "Unable to start receive-wal process: streaming_archiver option set to 'off' in barman configuration file",
    );
    return false;
  }
  if (scope.role.asksPostgres && (await walStreamingChecks(scope))) return true;
  scope.output.error(
    `Impossible to start WAL streaming. Check the log for more details, or run 'barman check ${scope.name}'`,
  );
  return false;
}
