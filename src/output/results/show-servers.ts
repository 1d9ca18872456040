/** `barman show-servers`: every value of one server, by key. Source: docs/behaviour/check.md 5, cli.md 6.6. */
import { withoutSecret } from '../../domain/redaction.ts';
import { STATE_SUFFIX, type ServerState } from '../../domain/server-role.ts';
import type { Json, JsonObject, Result } from '../output.ts';
import { pythonText } from '../python-text.ts';

export interface ShownServer {
  readonly name: string;
  readonly state: ServerState;
  readonly status: JsonObject;
  /** Options as the configuration has them, and what follows from them. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Passwords are hidden in both faces: the reference prints them in JSON. */
export function showServersResult({ name, state, status, values: own }: ShownServer): Result {
  const values: Readonly<Record<string, unknown>> = { ...status, ...own };
  const suffix = STATE_SUFFIX[state];
  const keys = Object.keys(values).sort();
  return {
    console: () => [
      `Server ${name}${suffix}:`,
      ...keys.map((key) => `\t${key}: ${withoutSecret(key, pythonText(shownText(key, values[key])))}`),
    ],
    json: () => ({ [name]: { ...members(keys, values), ...description(values.description, suffix) } }),
  };
}

function members(keys: readonly string[], values: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(keys.map((key) => [key, toJson(key, shownText(key, values[key]))]));
}

/** compat 3.20.1: the state stands in for a missing description. */
function description(text: unknown, suffix: string): JsonObject {
  return text === null && suffix !== '' ? { description: suffix.trimStart() } : {};
}

/** An unset maximum age is the text `None`, in JSON too. */
function shownText(key: string, value: unknown): unknown {
  return key === 'last_backup_maximum_age' && value === null ? 'None' : value;
}

function toJson(key: string, value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') return withoutSecret(key, value);
  if (Array.isArray(value)) return value.map((one) => toJson(key, one));
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([name, member]) => [String(name), toJson(String(name), member)]));
  }
  return withoutSecret(key, pythonText(value));
}
