/** `barman status`: one line per fact. Source: docs/behaviour/check.md 3, cli.md 6.4. */
import type { JsonObject, Result } from '../output.ts';

export interface StatusItem {
  /** JSON key. */
  readonly key: string;
  readonly description: string;
  /** Always a text: `True`, `None`, `22.3 MiB`. */
  readonly message: string;
}

export function statusHeader(server: string): Result {
  return { console: () => [`Server ${server}:`], json: () => ({ [server]: {} }) };
}

export function statusLine(server: string, { key, description, message }: StatusItem): Result {
  const item: JsonObject = { [key]: { description, message } };
  return { console: () => [`\t${description}: ${message}`], json: () => ({ [server]: item }) };
}
