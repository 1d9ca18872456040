/** `barman check-wal-archive`, when all is well. Source: docs/behaviour/cli.md 4.6 and 6.7. */
import type { Result } from '../output.ts';

export function walArchiveResult(server: string): Result {
  const text = `WAL archive check for server ${server} passed`;
  return { console: () => [` - ${text}`], json: () => ({ [server]: text }) };
}
