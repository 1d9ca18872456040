/**
 * Texts without their passwords. Every writer and the log pass what they print through `redactSecrets`; the value of an option that
 * is a connection string is shown by `redactConninfo`, which knows where it begins and ends.
 */
import { readPairs } from './conninfo.ts';
import { CONNINFO_KEYWORDS, SECRET_KEYWORDS } from './conninfo-keywords.ts';
import { isConninfoUri, parseConninfoUri, withPassword } from './conninfo-uri.ts';

const REDACTED = '*REDACTED*';
/** A word that ends in `password` (PGPASSWORD and sslpassword too), or another secret keyword. */
const SECRET_KEY = String.raw`\w*password|oauth_client_secret|scram_(?:client|server)_key`;
const URI_USERINFO = /\b(postgres(?:ql)?:\/\/[^:@/\s]*:)(?:[^\s/]*@|(?!\d+(?:[/,?\s]|$))\S*@)/gi;
const URI_PARAMETER = new RegExp(String.raw`([?&](?:${SECRET_KEY})=)([^&\s]+)`, 'gi');
/** Up to its very end, where the text is nothing but a URI. */
const SECRET_PARAMETER = new RegExp(String.raw`([?&](?:${SECRET_KEY})=)[^&]+`, 'gi');
const QUOTED_VALUE = String.raw`'(?:\\[\s\S]|[^'\\])*(?:'|$)`;
const BARE_VALUE = String.raw`(?:\\[\s\S]|[^\s\\'])(?:\\[\s\S]|[^\s\\])*`;
const KEYWORD_VALUE = new RegExp(
  String.raw`(?<![?&\w])((?:${SECRET_KEY})[ \t]*=[ \t]*)(${QUOTED_VALUE}|${BARE_VALUE})`,
  'gi',
);

/** As a shell takes it. */
const SHELL_VALUE = /\b([A-Z_]*PASSWORD=)"(?:\\[\s\S]|[^"\\])*"/g;
const NEXT_KEYWORD = String.raw`(?:${SECRET_KEY}|${[...CONNINFO_KEYWORDS].join('|')})[ \t]*=`;
/** Words behind a bare password in a connection string: the rest of it, where the quotes were forgotten. */
const TAIL = new RegExp(
  String.raw`(\b(?:${SECRET_KEY})=${REDACTED.replaceAll('*', String.raw`\*`)})((?:[ \t]+(?!${NEXT_KEYWORD})[^\s'"]+)+)(?=[ \t]+${NEXT_KEYWORD})`,
  'g',
);

/**
 * Any text without its passwords: `password=*REDACTED*` in keyword strings, `user:*REDACTED*@` in URIs. Texts without
 * one come back unchanged; applying it twice changes nothing. Meant for values and lines, not for encoded JSON.
 */
export function redactSecrets(text: string): string {
  if (!/password|postgres|_secret|scram_/i.test(text)) return text;
  const hide = (_match: string, key: string, value: string, offset: number, whole: string) =>
    `${key.replace(/\s*=\s*$/, '=')}${REDACTED}${closingTail(whole.slice(0, offset), value)}`;
  return text
    .replace(URI_USERINFO, `$1${REDACTED}@`)
    .replace(URI_PARAMETER, hide)
    .replace(SHELL_VALUE, `$1${REDACTED}`)
    .replace(KEYWORD_VALUE, hide)
    .replace(TAIL, '$1');
}

/**
 * A connection string as it may be shown: what libpq knows by name, and no secret. Of one that cannot be read nothing is shown, as
 * its password may be anywhere.
 */
export function redactConninfo(text: string): string {
  try {
    return isConninfoUri(text) ? shownUri(text) : shownPairs(text);
  } catch {
    return REDACTED;
  }
}

function shownUri(uri: string): string {
  if (parseConninfoUri(uri).some(([key]) => !CONNINFO_KEYWORDS.has(key))) return REDACTED;
  return withPassword(uri, REDACTED).replace(SECRET_PARAMETER, `$1${REDACTED}`);
}

function shownPairs(text: string): string {
  let shown = '';
  let last = 0;
  for (const { key, value, start, end } of readPairs(text)) {
    shown += text.slice(last, start);
    if (!CONNINFO_KEYWORDS.has(key)) shown += REDACTED;
    else if (SECRET_KEYWORDS.has(key) && value !== '') shown += `${key}=${REDACTED}`;
    else shown += text.slice(start, end);
    last = end;
  }
  return shown + text.slice(last);
}

/** Options that are a secret as a whole. */
const SECRETS: ReadonlySet<string> = new Set(['aws_sse_customer_key']);

/** The value of a configuration option or of a setting of PostgreSQL, as it may be shown; `None` is no value. */
export function withoutSecret(name: string, value: string): string {
  if (value === 'None') return value;
  if (SECRETS.has(name)) return REDACTED;
  return name.endsWith('conninfo') ? redactConninfo(value) : redactSecrets(value);
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
