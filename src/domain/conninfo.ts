/**
 * PostgreSQL connection strings: libpq's two grammars (keywords and URIs), the string that pg_basebackup and
 * pg_receivewal are given. No message repeats what may be a password; what may be shown of a good one says redaction.ts.
 * Source: PostgreSQL documentation, "Connection Strings"; docs/behaviour/config.md 7 and 8.
 */
import { CONNINFO_KEYWORDS, SECRET_KEYWORDS } from './conninfo-keywords.ts';
import { isConninfoUri, parseConninfoUri } from './conninfo-uri.ts';
import { ConfigError } from './errors.ts';

/** Keyword and value pairs, e.g. `{ host: '127.0.0.1', user: 'barman' }`; values are unquoted and decoded. */
export type ConninfoKeywords = Readonly<Record<string, string>>;

/** What pg_basebackup and pg_receivewal get: the argument of `--dbname` and what must go by the environment. */
export interface ToolConnection {
  /** Never holds a password: arguments show in `ps`. */
  readonly dsn: string;
  /** To be added to the environment of the program: PGPASSWORD when the string has a password, else empty. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a value with blanks is written; a connection string tells too little of what was meant. */
const QUOTE = { hint: "put single quotes around a value that holds a blank: key='a b'" } as const;

/**
 * Reads a connection string as libpq does: `key = 'value'` pairs or a postgresql:// URI. The last of two equal
 * keywords wins. Keywords are not checked against libpq's list.
 * @throws ConfigError in libpq's words, less what they quote
 */
export function parseConninfo(text: string): ConninfoKeywords {
  // Unlike an assignment this makes `__proto__` an ordinary key.
  return Object.fromEntries(
    isConninfoUri(text) ? parseConninfoUri(text) : readPairs(text).map(({ key, value }) => [key, value]),
  );
}

/** The same, of keywords that libpq knows. @throws ConfigError */
export function parseKnownConninfo(text: string): ConninfoKeywords {
  if (isConninfoUri(text)) {
    if (parseConninfoUri(text).some(([key]) => !CONNINFO_KEYWORDS.has(key))) {
      throw new ConfigError('invalid connection option in the query of the connection URI');
    }
    return parseConninfo(text);
  }
  let secret: string | undefined;
  for (const { key } of readPairs(text)) {
    if (!CONNINFO_KEYWORDS.has(key)) throw unknownKeyword(key, secret);
    if (SECRET_KEYWORDS.has(key)) secret = key;
  }
  return parseConninfo(text);
}

/** Behind a secret it may be the rest of that, after a blank. */
function unknownKeyword(key: string, secret: string | undefined): ConfigError {
  if (secret !== undefined) return new ConfigError(`invalid connection option behind the value of "${secret}"`, QUOTE);
  return new ConfigError(/^\w+$/.test(key) ? `invalid connection option "${key}"` : 'invalid connection option', QUOTE);
}

/**
 * Why a server with this string is disabled; null when it can be used. Nothing of the string is repeated: where it is broken, nobody
 * knows which part is the password. compat 3.20.1: Barman splits at blanks, refuses every word without `=` and quotes it; we
 * accept all that libpq accepts, so quoted values and URIs work.
 */
export function conninfoProblem(text: string): { readonly reason: string; readonly remedy: string | undefined } | null {
  try {
    parseConninfo(text);
    return null;
  } catch (error) {
    const { message, hint } = error as ConfigError;
    return { reason: message, remedy: hint };
  }
}

/** Writes keywords as a conninfo string in the given order; values are quoted only where libpq needs it. */
export function formatConninfo(keywords: ConninfoKeywords): string {
  return Object.entries(keywords)
    .map(([key, value]) => `${key}=${quoteValue(value)}`)
    .join(' ');
}

/**
 * The string of a replication connection: keys sorted, `dbname`, `options` and `replication` forced, secrets left out.
 * @throws ConfigError when the string cannot be parsed
 */
export function streamingDsn(conninfo: string): string {
  const keywords = Object.entries(streamingKeywords(conninfo)).filter(([key]) => !SECRET_KEYWORDS.has(key));
  return formatConninfo(Object.fromEntries(keywords.sort(([left], [right]) => (left < right ? -1 : 1))));
}

/** The keywords of a replication connection, secrets included. */
export function streamingKeywords(conninfo: string): ConninfoKeywords {
  return { ...parseConninfo(conninfo), dbname: 'replication', options: '-cdatestyle=iso', replication: 'true' };
}

/** Appends ` application_name=NAME` to a keyword string unless it names one. */
export function withApplicationName(conninfo: string, name: string): string {
  if (parseConninfo(conninfo).application_name !== undefined) return conninfo;
  return `${conninfo} application_name=${quoteValue(name)}`;
}

/**
 * How to run pg_basebackup or pg_receivewal on a streaming conninfo: `--dbname=` + dsn, with `env` added to the
 * program's environment.
 * @throws ConfigError when the string cannot be parsed, or holds a secret that libpq takes from no other place
 */
export function toolConnection(conninfo: string, applicationName: string): ToolConnection {
  const keywords = parseKnownConninfo(conninfo);
  for (const key of SECRET_KEYWORDS) {
    if (key === 'password' || !keywords[key]) continue;
    throw new ConfigError(`the '${key}' of a streaming_conninfo would be visible in the process list`, {
      hint: `move '${key}' to a service of pg_service.conf and write service=NAME in streaming_conninfo`,
    });
  }
  return {
    dsn: withApplicationName(streamingDsn(conninfo), applicationName),
    env: keywords.password ? { PGPASSWORD: keywords.password } : {},
  };
}

/** One value of a keyword string, quoted when it is empty or holds a blank, a quote or a backslash. */
function quoteValue(value: string): string {
  if (value !== '' && !/[\s'\\]/.test(value)) return value;
  return `'${value.replace(/['\\]/g, String.raw`\$&`)}'`;
}

export interface Pair {
  readonly key: string;
  readonly value: string;
  /** Where it stands in the string. */
  readonly start: number;
  readonly end: number;
}

/** The pairs of a keyword string in their order. @throws ConfigError */
export function readPairs(text: string): readonly Pair[] {
  const pairs: Pair[] = [];
  const scanner = /\s*([^\s=]*)\s*(=)?\s*/y;
  let position = skipBlanks(text, 0);
  while (position < text.length) {
    const start = position;
    scanner.lastIndex = position;
    const match = scanner.exec(text);
    const key = match?.[1] ?? '';
    if (match?.[2] === undefined) {
      throw new ConfigError(`missing "=" ${whereMissing(key, pairs)} in connection info string`, QUOTE);
    }
    const value = readValue(text, scanner.lastIndex);
    pairs.push({ key, value: value.text, start, end: value.end });
    position = skipBlanks(text, value.end);
  }
  return pairs;
}

function whereMissing(word: string, pairs: readonly Pair[]): string {
  if (CONNINFO_KEYWORDS.has(word)) return `after "${word}"`;
  const before = pairs.at(-1)?.key;
  return before !== undefined && CONNINFO_KEYWORDS.has(before)
    ? `in what follows the value of "${before}"`
    : `after word ${pairs.length + 1}`;
}

function skipBlanks(text: string, from: number): number {
  let position = from;
  while (position < text.length && /\s/.test(text.charAt(position))) position += 1;
  return position;
}

/** Reads one value, quoted or bare; a backslash takes the next character literally in both. */
function readValue(text: string, from: number): { text: string; end: number } {
  const quoted = text.charAt(from) === "'";
  let value = '';
  let position = quoted ? from + 1 : from;
  for (; position < text.length; position += 1) {
    const character = text.charAt(position);
    if (quoted ? character === "'" : /\s/.test(character)) {
      return { text: value, end: quoted ? position + 1 : position };
    }
    if (character === '\\') {
      position += 1;
      value += text.charAt(position);
    } else {
      value += character;
    }
  }
  if (quoted)
    throw new ConfigError('unterminated quoted string in connection info string', {
      hint: String.raw`a single quote inside a quoted value is written \'`,
    });
  return { text: value, end: position };
}
