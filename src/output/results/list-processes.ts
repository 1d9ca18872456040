/** `barman list-processes`. Source: docs/behaviour/cli.md 4.21, 6.7. */
import type { Result } from '../output.ts';

export interface ListedProcess {
  readonly task: string;
  readonly pid: number;
}

export function listProcessesResult(server: string, processes: readonly ListedProcess[]): Result {
  return {
    console: () =>
      processes.length === 0
        ? [`No active subprocesses found for server ${server}.`]
        : [`Active subprocesses for server ${server}:`, ...processes.map(({ task, pid }) => `${pid} ${task}`)],
    json: () => ({ [server]: processes.map(({ task, pid }) => ({ name: task, pid })) }),
  };
}
