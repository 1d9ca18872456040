/** `barman list-servers`. Source: docs/behaviour/cli.md 6.7. */
import { STATE_SUFFIX, type ServerState } from '../../domain/server-role.ts';
import type { Result } from '../output.ts';

export interface ListedServer {
  readonly name: string;
  readonly description: string | null;
  readonly state: ServerState;
  readonly isPassive: boolean;
}

/** One line per server; `minimal` leaves the console with the names, JSON is always the same. */
export function listServersResult(servers: readonly ListedServer[], minimal: boolean): Result {
  return {
    console: () => servers.map((server) => (minimal ? server.name : line(server.name, words(server)))),
    json: () => Object.fromEntries(servers.map((server) => [server.name, { description: words(server) }])),
  };
}

function line(name: string, text: string): string {
  return text === '' ? name : `${name} - ${text}`;
}

function words({ description, state, isPassive }: ListedServer): string {
  return `${description ?? ''}${STATE_SUFFIX[state]}${isPassive ? ' (Passive)' : ''}`;
}
