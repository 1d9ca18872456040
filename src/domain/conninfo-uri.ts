/**
 * The URI form of a connection string: postgresql://user:password@host:port,host2/dbname?key=value.
 * Source: PostgreSQL documentation, "Connection URIs". Messages are libpq's, less the parts that can hold a password.
 */
import { ConfigError } from './errors.ts';

const SCHEME = /^postgres(?:ql)?:\/\//;

/** True for both schemes libpq knows; they are case sensitive there too. */
export function isConninfoUri(text: string): boolean {
  return SCHEME.test(text);
}

/** Reads a URI into keywords; several hosts become comma separated lists. @throws ConfigError */
export function parseConninfoUri(uri: string): Readonly<Record<string, string>> {
  const keywords = new Map<string, string>();
  const rest = uri.replace(SCHEME, '');
  const authority = rest.slice(0, firstOf(rest, /[/?]/));
  const at = authority.indexOf('@');
  if (at >= 0) readUserInfo(authority.slice(0, at), keywords);
  readHosts(authority.slice(at + 1), keywords);

  const tail = rest.slice(authority.length);
  const question = firstOf(tail, /\?/);
  const dbname = decode(tail.slice(1, Math.max(question, 1)));
  if (tail.startsWith('/') && dbname !== '') keywords.set('dbname', dbname);
  readParameters(tail.slice(question + 1), keywords);
  return Object.fromEntries(keywords);
}

function firstOf(text: string, pattern: RegExp): number {
  const index = text.search(pattern);
  return index < 0 ? text.length : index;
}

function readUserInfo(text: string, keywords: Map<string, string>): void {
  const colon = firstOf(text, /:/);
  const user = decode(text.slice(0, colon));
  const password = decode(text.slice(colon + 1), 'password');
  if (user !== '') keywords.set('user', user);
  if (password !== '') keywords.set('password', password);
}

function readHosts(text: string, keywords: Map<string, string>): void {
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const part of text.split(',')) {
    const match = /^(?:\[([^\]]*)\]|([^:[]*))(?::(.*))?$/.exec(part);
    if (!match) throw new ConfigError(`invalid host "${part}" in connection URI`);
    if (match[1] === '') throw new ConfigError('IPv6 host address may not be empty in connection URI');
    hosts.push(decode(match[1] ?? match[2] ?? ''));
    ports.push(decode(match[3] ?? ''));
  }
  if (hosts.some((host) => host !== '')) keywords.set('host', hosts.join(','));
  if (ports.some((port) => port !== '')) keywords.set('port', ports.join(','));
}

function readParameters(text: string, keywords: Map<string, string>): void {
  if (text === '') return;
  for (const parameter of text.split('&')) {
    const equals = parameter.indexOf('=');
    const key = decode(equals < 0 ? parameter : parameter.slice(0, equals));
    if (equals < 0) throw new ConfigError(`missing key/value separator "=" in URI query parameter: "${key}"`);
    const value = parameter.slice(equals + 1);
    if (value.includes('=')) throw new ConfigError(`extra key/value separator "=" in URI query parameter: "${key}"`);
    // JDBC's spelling, which libpq takes too.
    if (key === 'ssl' && value === 'true') keywords.set('sslmode', 'require');
    else keywords.set(key, decode(value, key));
  }
}

/** Percent-decoding; `what` names a part whose text must not be repeated in the message. */
function decode(text: string, what?: string): string {
  const shown = what === undefined ? `"${text}"` : `in "${what}"`;
  if (/%(?![0-9a-fA-F]{2})/.test(text)) throw new ConfigError(`invalid percent-encoded token: ${shown}`);
  if (text.includes('%00')) throw new ConfigError(`forbidden value %00 in percent-encoded value: ${shown}`);
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError(`percent-encoded value is not UTF-8: ${shown}`);
  }
}
