/** `barman list-servers`. Source: docs/behaviour/cli.md 6.7. */
import type { Result } from '../output.ts';

export interface ListedServer {
  readonly name: string;
  readonly description: string | null;
  readonly state: 'ok' | 'inactive' | 'disabled';
  readonly isPassive: boolean;
}

const STATES = { ok: '', inactive: ' (inactive)', disabled: ' (WARNING: disabled)' } as const;

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
  return `${description ?? ''}${STATES[state]}${isPassive ? ' (Passive)' : ''}`;
}
