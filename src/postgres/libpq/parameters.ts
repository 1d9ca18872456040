/**
 * From a connection string to what libpq would use: the string, then a service, then the environment, then defaults.
 * Source: PostgreSQL documentation, "Parameter Key Words", "Environment Variables", "The Connection Service File".
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { type ConninfoKeywords, parseKnownConninfo } from '../../domain/conninfo.ts';
import { CONNINFO_KEYWORDS } from '../../domain/conninfo-keywords.ts';
import { type BarmanError, PostgresError } from '../../domain/errors.ts';
import { readService } from './service.ts';

/** One server to try; several for `host=a,b`. */
export interface Candidate {
  /** As it was named: a host name, an address or a socket directory. */
  readonly host: string;
  /** An address given by hostaddr, which spares the look-up. */
  readonly address: string | undefined;
  readonly port: number;
}

export interface Parameters {
  /** Everything that was given or found, by libpq keyword. */
  readonly keywords: ConninfoKeywords;
  readonly candidates: readonly Candidate[];
  readonly user: string;
  readonly database: string;
  readonly home: string;
}

const ENVIRONMENT: Readonly<Record<string, string>> = {
  PGHOST: 'host',
  PGHOSTADDR: 'hostaddr',
  PGPORT: 'port',
  PGDATABASE: 'dbname',
  PGUSER: 'user',
  PGPASSWORD: 'password',
  PGPASSFILE: 'passfile',
  PGREQUIREAUTH: 'require_auth',
  PGREQUIREPEER: 'requirepeer',
  PGGSSENCMODE: 'gssencmode',
  PGSSLCRLDIR: 'sslcrldir',
  PGCHANNELBINDING: 'channel_binding',
  PGOPTIONS: 'options',
  PGAPPNAME: 'application_name',
  PGSSLMODE: 'sslmode',
  PGSSLNEGOTIATION: 'sslnegotiation',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCRL: 'sslcrl',
  PGSSLSNI: 'sslsni',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
  PGSSLMAXPROTOCOLVERSION: 'ssl_max_protocol_version',
  PGCONNECT_TIMEOUT: 'connect_timeout',
  PGTARGETSESSIONATTRS: 'target_session_attrs',
  PGLOADBALANCEHOSTS: 'load_balance_hosts',
};

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  sslmode: ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'],
  target_session_attrs: ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'],
  channel_binding: ['disable', 'prefer', 'require'],
  load_balance_hosts: ['disable', 'random'],
  sslnegotiation: ['postgres', 'direct'],
};

/** What would make a connection safer and cannot be done here: refused rather than passed over. */
function unsupportedOption(keywords: ConninfoKeywords): string | undefined {
  if (keywords.gssencmode === 'require') return 'gssencmode=require';
  return ['requirepeer', 'sslcrldir'].find((key) => keywords[key] !== undefined);
}

const DEFAULT_SOCKET_DIRECTORIES = ['/var/run/postgresql', '/tmp'];

/** Resolves a connection string. @throws PostgresError in libpq's words */
export async function resolveParameters(conninfo: string, env: NodeJS.ProcessEnv): Promise<Parameters> {
  const given = readConninfo(conninfo);
  const home = env.HOME || homedir();
  const service = given.service ?? env.PGSERVICE;
  const found = service ? await readService(service, { env, home, keywords: CONNINFO_KEYWORDS }) : {};
  // An empty value stands before the environment too, and means what libpq does by itself.
  const keywords = withoutEmpty({ ...fromEnvironment(env), ...found, ...given });
  for (const [key, words] of Object.entries(CHOICES)) {
    const value = keywords[key];
    if (value !== undefined && !words.includes(value)) throw new PostgresError(`invalid ${key} value: "${value}"`);
  }
  const unsupported = unsupportedOption(keywords);
  if (unsupported !== undefined) throw new PostgresError(`connection option "${unsupported}" is not supported`);
  const user = keywords.user ?? userInfo().username;
  return { keywords, candidates: readCandidates(keywords), user, database: keywords.dbname ?? user, home };
}

function fromEnvironment(env: NodeJS.ProcessEnv): ConninfoKeywords {
  return Object.fromEntries(Object.entries(ENVIRONMENT).map(([variable, key]) => [key, env[variable] ?? '']));
}

function withoutEmpty(keywords: ConninfoKeywords): ConninfoKeywords {
  return Object.fromEntries(Object.entries(keywords).filter(([, value]) => value !== ''));
}

function readConninfo(conninfo: string): ConninfoKeywords {
  try {
    return parseKnownConninfo(conninfo);
  } catch (cause) {
    const { message, hint } = cause as BarmanError;
    throw new PostgresError(message, { cause, ...(hint === undefined ? {} : { hint }) });
  }
}

/** An integer option of the keywords; undefined when it was not given. */
export function integerOption(keywords: ConninfoKeywords, key: string): number | undefined {
  const text = keywords[key];
  if (text === undefined) return undefined;
  if (!/^\s*[+-]?\d+\s*$/.test(text)) {
    throw new PostgresError(`invalid integer value "${text}" for connection option "${key}"`);
  }
  return Number(text);
}

function readCandidates(keywords: ConninfoKeywords): readonly Candidate[] {
  const hosts = keywords.host?.split(',');
  const addresses = keywords.hostaddr?.split(',');
  if (hosts && addresses && hosts.length !== addresses.length) {
    throw new PostgresError(`could not match ${hosts.length} host names to ${addresses.length} hostaddr values`);
  }
  const count = (addresses ?? hosts ?? ['']).length;
  const ports = (keywords.port ?? '').split(',');
  if (ports.length > 1 && ports.length !== count) {
    throw new PostgresError(`could not match ${ports.length} port numbers to ${count} hosts`);
  }
  return Array.from({ length: count }, (_, index) => {
    const address = addresses?.[index];
    if (address && isIP(address) === 0) {
      throw new PostgresError(`could not parse network address "${address}": Name or service not known`);
    }
    return {
      host: hosts?.[index] || address || defaultSocketDirectory(),
      address: address || undefined,
      port: readPort(ports.length > 1 ? ports[index] : ports[0]),
    };
  });
}

function readPort(text: string | undefined): number {
  if (!text) return 5432;
  const port = integerOption({ port: text }, 'port') ?? 0;
  if (port < 1 || port > 65_535) throw new PostgresError(`invalid port number: "${text}"`);
  return port;
}

function defaultSocketDirectory(): string {
  return DEFAULT_SOCKET_DIRECTORIES.find((path) => existsSync(path)) ?? '/tmp';
}
