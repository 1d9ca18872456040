/**
 * The URI form of a connection string: postgresql://user:password@host:port,host2/dbname?key=value.
 * Source: PostgreSQL documentation, "Connection URIs". Messages are libpq's, less what they quote.
 */
import { ConfigError } from './errors.ts';

const SCHEME = /^postgres(?:ql)?:\/\//;

/** True for both schemes libpq knows; they are case sensitive there too. */
export function isConninfoUri(text: string): boolean {
  return SCHEME.test(text);
}

/** How a password comes into a URI; in a configuration file each percent sign is written four times. */
const ENCODE = {
  hint: 'percent-encode what has a meaning in a URI: "@" is %40, "/" %2F, ":" %3A, "?" %3F, "%" %25; in the configuration file each percent sign is written four times: %%%%40',
} as const;

/** Where the password of a URI stands. A raw `@`, `/` or `?` in it is refused by parseConninfoUri. */
const PASSWORD = /^(postgres(?:ql)?:\/\/[^:@/?]*:)[^@]*(?=@)/;

/** A good URI with another word for the password. */
export function withPassword(uri: string, word: string): string {
  return uri.replace(PASSWORD, (_, before: string) => `${before}${word}`);
}

/**
 * Reads a URI into pairs; several hosts become comma separated lists. No message repeats a part of it: without its `@` or with
 * one too many the password is where libpq looks for something else.
 * @throws ConfigError
 */
export function parseConninfoUri(uri: string): readonly (readonly [key: string, value: string])[] {
  const keywords = new Map<string, string>();
  const rest = uri.replace(SCHEME, '');
  const authority = rest.slice(0, firstOf(rest, /[/?]/));
  rejectStrayAt(authority, rest.slice(0, firstOf(rest, /\?/)));
  const at = authority.indexOf('@');
  if (at >= 0) readUserInfo(authority.slice(0, at), keywords);
  readHosts(authority.slice(at + 1), keywords);

  const tail = rest.slice(authority.length);
  const question = firstOf(tail, /\?/);
  const dbname = decode(tail.slice(1, Math.max(question, 1)), 'database name');
  if (tail.startsWith('/') && dbname !== '') keywords.set('dbname', dbname);
  readParameters(tail.slice(question + 1), keywords);
  return [...keywords];
}

function firstOf(text: string, pattern: RegExp): number {
  const index = text.search(pattern);
  return index < 0 ? text.length : index;
}

/** libpq takes the first `@` for the end of the password, and what follows for a host or a database. */
function rejectStrayAt(authority: string, head: string): void {
  const first = authority.indexOf('@');
  const userInfo = first < 0 ? authority : authority.slice(0, first);
  if (userInfo.includes(':') && head.includes('@', first + 1)) {
    throw new ConfigError('unexpected "@" behind the password in connection URI', ENCODE);
  }
}

function readUserInfo(text: string, keywords: Map<string, string>): void {
  const colon = firstOf(text, /:/);
  const user = decode(text.slice(0, colon), 'user');
  const password = decode(text.slice(colon + 1), 'password');
  if (user !== '') keywords.set('user', user);
  if (password !== '') keywords.set('password', password);
}

function readHosts(text: string, keywords: Map<string, string>): void {
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const part of text.split(',')) {
    const match = /^(?:\[([^\]]*)\]|([^:[]*))(?::(.*))?$/.exec(part);
    if (!match) throw new ConfigError('invalid host in connection URI', ENCODE);
    if (match[1] === '') throw new ConfigError('IPv6 host address may not be empty in connection URI');
    const port = decode(match[3] ?? '', 'port');
    if (!/^\s*\d*\s*$/.test(port)) throw new ConfigError('invalid port number in connection URI', ENCODE);
    hosts.push(decode(match[1] ?? match[2] ?? '', 'host'));
    ports.push(port);
  }
  if (hosts.some((host) => host !== '')) keywords.set('host', hosts.join(','));
  if (ports.some((port) => port !== '')) keywords.set('port', ports.join(','));
}

function readParameters(text: string, keywords: Map<string, string>): void {
  if (text === '') return;
  for (const [index, parameter] of text.split('&').entries()) {
    const place = `in URI query parameter ${index + 1}`;
    const equals = parameter.indexOf('=');
    if (equals < 0) throw new ConfigError(`missing key/value separator "=" ${place}`, ENCODE);
    const key = decode(parameter.slice(0, equals), `name of query parameter ${index + 1}`);
    const value = parameter.slice(equals + 1);
    if (value.includes('=')) throw new ConfigError(`extra key/value separator "=" ${place}`, ENCODE);
    // JDBC's spelling, which libpq takes too.
    if (key === 'ssl' && value === 'true') keywords.set('sslmode', 'require');
    else keywords.set(key, decode(value, `query parameter ${index + 1}`));
  }
}

/** Percent-decoding of the part that is called `what`. */
function decode(text: string, what: string): string {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) throw new ConfigError(`invalid percent-encoded token: in "${what}"`, ENCODE);
  if (text.includes('%00')) throw new ConfigError(`forbidden value %00 in percent-encoded value: in "${what}"`);
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError(`percent-encoded value is not UTF-8: in "${what}"`);
  }
}
