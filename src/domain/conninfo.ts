/**
 * PostgreSQL connection strings: libpq's two grammars (keywords and URIs), the string that pg_basebackup and
 * pg_receivewal are given, and the one function that keeps passwords out of every output.
 * Source: PostgreSQL documentation, "Connection Strings"; docs/behaviour/config.md 7 and 8.
 */
import { ConfigError } from './errors.ts';
import { isConninfoUri, parseConninfoUri } from './conninfo-uri.ts';

/** Keyword and value pairs, e.g. `{ host: '127.0.0.1', user: 'barman' }`; values are unquoted and decoded. */
export type ConninfoKeywords = Readonly<Record<string, string>>;

/** What pg_basebackup and pg_receivewal get: the argument of `--dbname` and what must go by the environment. */
export interface ToolConnection {
  /** Never holds a password: arguments show in `ps`. */
  readonly dsn: string;
  /** To be added to the environment of the program: PGPASSWORD when the string has a password, else empty. */
  readonly env: Readonly<Record<string, string>>;
}

/** Options that hold a secret, PostgreSQL 18 included. */
const SECRET_KEYWORDS: ReadonlySet<string> = new Set([
  'password',
  'sslpassword',
  'oauth_client_secret',
  'scram_client_key',
  'scram_server_key',
]);

/**
 * Reads a connection string as libpq does: `key = 'value'` pairs or a postgresql:// URI. The last of two equal
 * keywords wins. Keywords are not checked against libpq's list.
 * @throws ConfigError in libpq's words
 */
export function parseConninfo(text: string): ConninfoKeywords {
  return isConninfoUri(text) ? parseConninfoUri(text) : parseKeywords(text);
}

/**
 * Why a server with this string is disabled, in Barman's words (`"host=a port" is not a valid connection string`); null
 * when it can be used. compat 3.20.1: Barman splits at blanks and refuses every word without `=`; we accept all that
 * libpq accepts, so quoted values and URIs work.
 */
export function conninfoProblem(text: string): string | null {
  try {
    parseConninfo(text);
    return null;
  } catch {
    return `"${redactSecrets(text)}" is not a valid connection string`;
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
  const keywords = parseConninfo(conninfo);
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

const REDACTED = '*REDACTED*';
/** A word that ends in `password` (PGPASSWORD and sslpassword too), or another secret keyword. */
const SECRET_KEY = String.raw`\w*password|oauth_client_secret|scram_(?:client|server)_key`;
const URI_USERINFO = /\b(postgres(?:ql)?:\/\/[^:@/\s]*:)(?:[^\s/]*@|(?!\d+(?:[/,?\s]|$))\S*@)/gi;
const URI_PARAMETER = new RegExp(String.raw`([?&](?:${SECRET_KEY})=)([^&\s]+)`, 'gi');
const QUOTED_VALUE = String.raw`'(?:\\[\s\S]|[^'\\])*(?:'|$)`;
const BARE_VALUE = String.raw`(?:\\[\s\S]|[^\s\\'])(?:\\[\s\S]|[^\s\\])*`;
const KEYWORD_VALUE = new RegExp(
  String.raw`(?<![?&\w])((?:${SECRET_KEY})[ \t]*=[ \t]*)(${QUOTED_VALUE}|${BARE_VALUE})`,
  'gi',
);

/**
 * Any text without its passwords: `password=*REDACTED*` in keyword strings, `user:*REDACTED*@` in URIs. Texts without
 * one come back unchanged; applying it twice changes nothing. Meant for values and lines, not for encoded JSON.
 */
export function redactSecrets(text: string): string {
  if (!/password|postgres|_secret|scram_/i.test(text)) return text;
  const hide = (_match: string, key: string, value: string, offset: number, whole: string) =>
    `${key.replace(/\s*=\s*$/, '=')}${REDACTED}${closingTail(whole.slice(0, offset), value)}`;
  return text.replace(URI_USERINFO, `$1${REDACTED}@`).replace(URI_PARAMETER, hide).replace(KEYWORD_VALUE, hide);
}

/**
 * The end of a bare value that belongs to the sentence around the string: from a quote or bracket on that was opened
 * before it. Without such an opening all of it may be the password.
 */
function closingTail(before: string, value: string): string {
  if (value.startsWith("'")) return '';
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const isOpen = (closing: string) =>
    closing === ')' ? line.split('(').length > line.split(')').length : line.split(closing).length % 2 === 0;
  const tail = /["'),;.\]}]*$/.exec(value)?.[0] ?? '';
  for (let start = 0; start < tail.length; start += 1) {
    const character = tail.charAt(start);
    if (/["')]/.test(character) && isOpen(character)) return tail.slice(start);
  }
  return '';
}

/** One value of a keyword string, quoted when it is empty or holds a blank, a quote or a backslash. */
function quoteValue(value: string): string {
  if (value !== '' && !/[\s'\\]/.test(value)) return value;
  return `'${value.replace(/['\\]/g, String.raw`\$&`)}'`;
}

function parseKeywords(text: string): ConninfoKeywords {
  const keywords = new Map<string, string>();
  const scanner = /\s*([^\s=]*)\s*(=)?\s*/y;
  let position = skipBlanks(text, 0);
  while (position < text.length) {
    scanner.lastIndex = position;
    const match = scanner.exec(text);
    const key = match?.[1] ?? '';
    if (match?.[2] === undefined) {
      throw new ConfigError(`missing "=" after "${redactSecrets(key)}" in connection info string`);
    }
    const value = readValue(text, scanner.lastIndex);
    keywords.set(key, value.text);
    position = skipBlanks(text, value.end);
  }
  // Unlike an assignment this makes `__proto__` an ordinary key.
  return Object.fromEntries(keywords);
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
  if (quoted) throw new ConfigError('unterminated quoted string in connection info string');
  return { text: value, end: position };
}
