/**
 * What the text of an option may look like. A parser throws the REASON that Barman prints behind
 * `Ignoring invalid configuration value ...`; null means "as if the option were absent at this level".
 * Source: docs/behaviour/config.md 4.
 */
import { CIPHER_NAMES, type CipherName } from '../domain/ciphers.ts';
import { type CompressionLevel, levelWord } from '../domain/codecs.ts';
import { parseInterval } from '../domain/time/duration.ts';
import { parseSize } from '../domain/text/size.ts';
import { pythonRepr } from '../domain/text/python-repr.ts';
import { isObject, parseLocation } from '../domain/location.ts';

/** Where a value was found: some reasons name it. `section` is `[NAME]` without the brackets. */
export interface Place {
  readonly key: string;
  readonly section: string;
}

export type Parser<T> = (raw: string, place: Place) => T | null;

/** Any text, taken as it is; '' blocks inheritance. */
export const text: Parser<string> = (raw) => raw;

const TRUE_WORDS = new Set(['true', 't', 'yes', '1', 'on']);
const FALSE_WORDS = new Set(['false', 'f', 'no', '0', 'off']);

export const bool: Parser<boolean> = (raw) => {
  const word = raw.toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  throw new Error('Invalid boolean representation (must be one in: true|t|yes|1|on | false|f|no|0|off)');
};

const INTEGER = /^[+-]?\d+(?:_\d+)*$/;

/** A decimal integer as Python's int() reads it: sign, digits, single underscores, blanks around. */
export const integer: Parser<number> = (raw) => {
  const digits = raw.trim();
  const value = Number(digits.replaceAll('_', ''));
  // Beyond 2^53 a number would silently become another one.
  if (!INTEGER.test(digits) || !Number.isSafeInteger(value)) {
    throw new Error(`invalid literal for int() with base 10: ${pythonRepr(raw)}`);
  }
  return value;
};

/** Seconds; an empty text inherits silently. */
export const interval: Parser<number> = (raw) => {
  if (raw === '') return null;
  const seconds = parseInterval(raw);
  if (seconds === undefined) throw new Error(`Invalid value for a time interval ${raw}`);
  return seconds;
};

/** Bytes; an empty text inherits silently. */
export const size: Parser<number> = (raw) => {
  if (raw === '') return null;
  const bytes = parseSize(raw);
  if (bytes === undefined) throw new Error(`Invalid value for a number ${raw}`);
  return bytes;
};

export const absolutePath: Parser<string> = (raw) => {
  if (!raw.startsWith('/')) throw new Error(`Invalid value : '${raw}' (must be an absolute path)`);
  return raw;
};

/** A directory of this host or the URL of a bucket; as text, because defaults of other options are made of it. */
export const directoryOrUrl: Parser<string> = (raw) => {
  const location = parseLocation(raw);
  if (isObject(location) && location.provider === 'unknown') {
    throw new Error('The URL is not compatible with any of the supported cloud providers');
  }
  return raw;
};

/** One of `words`, compared in lower case; `reason` gets the text as written. */
export function oneOf<const W extends string>(words: readonly W[], reason: (raw: string) => string): Parser<W> {
  return (raw) => {
    const word = words.find((candidate) => candidate === raw.toLowerCase());
    if (word === undefined) throw new Error(reason(raw));
    return word;
  };
}

/** One of `words`, letter by letter. */
export function exactlyOneOf<const W extends string>(words: readonly W[], reason: (raw: string) => string): Parser<W> {
  return (raw) => {
    const word = words.find((candidate) => candidate === raw);
    if (word === undefined) throw new Error(reason(raw));
    return word;
  };
}

/** Empty text is a value of its own: it switches off what would be inherited, without a warning. */
export function orEmpty<T>(parse: Parser<T>): Parser<T> {
  return (raw, place) => (raw === '' ? ('' as T) : parse(raw, place));
}

/** A comma separated set of words in any case. `conflict` is a pair that excludes each other; the reason names its first. */
export function setOf<const W extends string>(words: readonly W[], conflict?: readonly [W, W]): Parser<ReadonlySet<W>> {
  return (raw, { key, section }) => {
    const fail = (item: string, reason: string) =>
      new Error(`Invalid configuration value '${item}' for key ${key} in [${section}] section: ${reason}`);
    const found = new Set<W>();
    if (raw === '') return found;
    const items = raw.split(',').map((item) => item.trim().toLowerCase());
    for (const item of items.sort()) {
      const word = words.find((candidate) => candidate === item);
      if (word === undefined) throw fail(item, 'Unknown option');
      found.add(word);
    }
    if (conflict && found.has(conflict[0]) && found.has(conflict[1])) {
      const [item, other] = conflict;
      throw fail(item, `cannot contain both '${item}' and '${other}'.Configuration directive ignored.`);
    }
    return found;
  };
}

/** A comma separated list, blanks kept, without empty items. */
export const list: Parser<readonly string[]> = (raw) => {
  const items = raw.split(',');
  if (items.includes('')) throw new Error(`[${items.map(pythonRepr).join(', ')}]`);
  return items;
};

export const slotName: Parser<string> = (raw) => {
  const name = raw.toLowerCase();
  if (!/^[0-9a-z_]+$/.test(name)) {
    throw new Error(
      'Replication slot names may only contain lower case letters, numbers, and the underscore character.',
    );
  }
  return name;
};

export const compressionLevel: Parser<CompressionLevel> = (raw, place) => {
  const word = levelWord(raw);
  if (word !== undefined) return word;
  try {
    return integer(raw, place);
  } catch {
    throw new Error(
      `Invalid value: '${raw.toLowerCase()}' (must be one in [low, medium, high] or an acceptable integer)`,
    );
  }
};

/** `none` counts as absent: a global `gpg` still applies. */
export const encryption: Parser<CipherName> = (raw) => {
  const word = raw.toLowerCase();
  if (word === 'none') return null;
  const known = CIPHER_NAMES.find((name) => name === word);
  if (known !== undefined) return known;
  throw new Error(`Invalid encryption value '${word}'. Allowed values are: none, ${CIPHER_NAMES.join(', ')}.`);
};
