/** A backup record as JSON: the keys of backup.info in order, each told as its row of the table says. */
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { type Field, FIELD_NAMES, fieldOf } from '../../domain/backup/backup-info-fields.ts';
import type { Literal } from '../../domain/text/python-literal.ts';
import { JsonFloat } from '../json-float.ts';
import type { Json, JsonObject } from '../output.ts';

export function recordJson(info: BackupInfo): JsonObject {
  const shown = FIELD_NAMES.filter((name) => info[name] !== null || !fieldOf(name).isHidden);
  return Object.fromEntries(shown.map((name) => [fieldOf(name).key, valueJson(fieldOf(name), info[name])]));
}

function valueJson({ json, isFloat }: Field<unknown>, value: unknown): Json {
  if (value === null) return null;
  const literal = json === undefined ? (value as Literal) : json(value);
  return isFloat === undefined ? literal : withFloats(literal as { readonly [key: string]: Literal }, isFloat);
}

function withFloats(dict: { readonly [key: string]: Literal }, isFloat: (key: string) => boolean): JsonObject {
  const told = (key: string, value: Literal): Json => {
    if (typeof value === 'number') return isFloat(key) ? new JsonFloat(value) : value;
    const isDict = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isDict ? withFloats(value as { readonly [key: string]: Literal }, isFloat) : value;
  };
  return Object.fromEntries(Object.entries(dict).map(([key, value]) => [key, told(key, value)]));
}
