/** `barman keep --status`. Source: docs/behaviour/cli.md 4.18. */
import type { Result } from '../output.ts';

/** `kept` is null for a backup that is not kept. */
export function keepStatusResult(server: string, kept: 'full' | 'standalone' | null): Result {
  const message = kept ?? 'nokeep';
  return {
    console: () => [`Server ${server}:`, `\tKeep: ${message}`],
    json: () => ({ [server]: { keep_status: { description: 'Keep', message } } }),
  };
}
