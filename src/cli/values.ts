/**
 * Validators of option values: each returns the value or throws the text that follows `argument X: `.
 * Source: docs/behaviour/cli.md 1.3.
 */
import { isBackupId } from '../domain/backup/backup-id.ts';

/** Why a value was refused. */
export class ValueRefused extends Error {}

/** `words` are all that it takes, where it takes a few words only. */
export type ValueParser = ((text: string) => unknown) & { readonly words?: readonly string[] };

function integer(text: string): number | undefined {
  const trimmed = text.trim().replace(/(?<=\d)_(?=\d)/g, '');
  if (!/^[+-]?\d+$/.test(trimmed)) return undefined;
  return Number(trimmed);
}

/** An integer from 0. */
export function nonNegative(text: string): number {
  const value = integer(text);
  if (value === undefined || value < 0) throw new ValueRefused(`'${text}' is not a valid non negative integer`);
  return value;
}

/** An integer from 1. */
export function positive(text: string): number {
  const value = integer(text);
  if (value === undefined) throw new ValueRefused(`'${text}' is not a valid input`);
  if (value < 1) throw new ValueRefused(`'${text}' is not a valid positive integer`);
  return value;
}

/** Any integer: what it may be is judged by the command. */
export function anyInteger(text: string): number {
  const value = integer(text);
  if (value === undefined) throw new ValueRefused(`invalid int value: '${text}'`);
  return value;
}

/** `current`, `latest` or a timeline number. */
export function timeline(text: string): number | 'current' | 'latest' {
  return text === 'current' || text === 'latest' ? text : positive(text);
}

/** What PostgreSQL does when it has reached the recovery target. */
export const targetAction: ValueParser = oneOf(
  ['pause', 'shutdown', 'promote'],
  (text) => `'${text}' is not a valid recovery target action`,
);

const RESERVED = new Set(['latest', 'last', 'oldest', 'first', 'last-failed', 'latest-full', 'last-full', 'auto']);

/** The name of a backup: not empty, not shaped like an id, no reserved word. */
export function backupName(text: string): string {
  if (text === '') throw new ValueRefused('Backup name cannot be empty');
  if (isBackupId(text)) throw new ValueRefused(`Backup name '${text}' is not allowed: backup ID`);
  if (RESERVED.has(text)) throw new ValueRefused(`Backup name '${text}' is not allowed: reserved word`);
  return text;
}

/** One of a few words. */
export function choice(...words: readonly string[]): ValueParser {
  return oneOf(
    words,
    (text) => `invalid choice: '${text}' (choose from ${words.map((word) => `'${word}'`).join(', ')})`,
  );
}

function oneOf(words: readonly string[], refusal: (text: string) => string): ValueParser {
  const parse = (text: string) => {
    if (words.includes(text)) return text;
    throw new ValueRefused(refusal(text));
  };
  return Object.assign(parse, { words });
}

/** How pg_combinebackup copies. */
export const combineMode: ValueParser = oneOf(
  ['copy', 'link', 'clone', 'copy-file-range'],
  (text) => `invalid parse_combine_mode value: '${text}'`,
);

/** An absolute path. */
export function absolutePath(text: string): string {
  if (text.startsWith('/')) return text;
  throw new ValueRefused(`invalid parse_staging_path value: '${text}'`);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  Ki: 2 ** 10,
  M: 1e6,
  Mi: 2 ** 20,
  G: 1e9,
  Gi: 2 ** 30,
  T: 1e12,
  Ti: 2 ** 40,
};

/** Bytes with an optional suffix (k = 1000, Ki = 1024 ...). */
export function byteSize(text: string): number {
  const match = /^\s*(\d+)\s*(k|Ki|M|Mi|G|Gi|T|Ti)?\s*$/.exec(text);
  if (!match) throw new ValueRefused(`invalid parse_si_suffix value: '${text}'`);
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
}
