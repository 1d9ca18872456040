/**
 * Values as Barman prints them: the spelling is that of Python's str() and repr(), which scripts have learned to read.
 * Source: docs/behaviour/check.md 5.
 */
import { pythonRepr } from '../domain/text/python-repr.ts';

/** The members of a configuration set under the name Barman gives it: `BackupOptions({'concurrent_backup'})`. */
export function pythonSet(name: string, members: ReadonlySet<string>): string {
  if (members.size === 0) return `${name}()`;
  return `${name}({${[...members].map(pythonRepr).join(', ')}})`;
}

/** str() of a value: `True`, `None`, a bare text, `['a']`, `{'a': 1}`. */
export function pythonText(value: unknown): string {
  return typeof value === 'string' ? value : repr(value);
}

function repr(value: unknown): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return pythonRepr(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  if (value instanceof Map) return dict([...value]);
  if (value instanceof Set) return value.size === 0 ? 'set()' : `{${[...value].map(repr).join(', ')}}`;
  if (typeof value === 'object') return dict(Object.entries(value));
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : 'None';
}

function dict(entries: readonly (readonly [unknown, unknown])[]): string {
  return `{${entries.map(([key, member]) => `${repr(key)}: ${repr(member)}`).join(', ')}}`;
}
