/**
 * Opening a connection as libpq does: every host and address in turn, encrypted or plain as sslmode asks, with the
 * session attributes that were wanted. The npm package pg speaks the protocol; it is loaded by the first connection.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ClientConfig } from 'pg';
import { errnoOf, messageOf, PostgresError } from '../../domain/errors.ts';
import { attributesProblem } from './attributes.ts';
import { guardAuthentication } from './authentication.ts';
import { connectionFailure, isServerError } from './failure.ts';
import { type Candidate, integerOption, type Parameters, resolveParameters } from './parameters.ts';
import { findPassword } from './passfile.ts';
import { encryptionOrder, sslMode, tlsOptions } from './tls.ts';
import { valueTypes } from '../sql/values.ts';
import type { Connection, WireConnection } from './connection.ts';

export interface ConnectOptions {
  readonly conninfo: string;
  /** A physical replication connection. */
  readonly replication: boolean;
  /** Used when the string has no application_name. */
  readonly applicationName: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Aborting it gives up an attempt that is under way. */
  readonly signal: AbortSignal | undefined;
  readonly warn: (text: string) => void;
}

interface Attempt {
  readonly candidate: Candidate;
  readonly address: string | undefined;
  readonly encrypted: boolean;
}

/** @throws PostgresError: for each host that was named its first failure, in libpq's words */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const parameters = await resolveParameters(options.conninfo, options.env);
  const { target_session_attrs: wanted = 'any' } = parameters.keywords;
  if (wanted !== 'prefer-standby') return search(parameters, wanted, options);
  try {
    return await search(parameters, 'standby', options);
  } catch (error) {
    if (options.signal?.aborted || wasRefused(error)) throw error;
    return search(parameters, 'any', options);
  }
}

/** The first server that lets us in and is what was wanted. */
async function search(parameters: Parameters, wanted: string, options: ConnectOptions): Promise<Connection> {
  const failed: PostgresError[] = [];
  for (const candidate of order(parameters)) {
    const failures: PostgresError[] = [];
    for (const address of await addressesOf(candidate, failures)) {
      const connection = await tryAddress(parameters, candidate, address, options, failures);
      if (connection === undefined && failures.some(wasRefused)) throw together([...failed, ...failures.slice(0, 1)]);
      if (connection === undefined) continue;
      const problem = await attributesProblem(connection, wanted);
      if (problem === undefined) return connection;
      await connection.client.end();
      failures.push(connectionFailure(candidate, address, problem));
    }
    failed.push(...failures.slice(0, 1));
  }
  throw together(failed);
}

/** The server said no: libpq then asks no other one, except when it is starting up or shutting down. */
function wasRefused(failure: unknown): boolean {
  return failure instanceof PostgresError && isServerError(failure.cause) && failure.cause.code !== '57P03';
}

function together(failed: readonly PostgresError[]): PostgresError {
  const [first = new PostgresError('no server to connect to'), ...others] = failed;
  if (others.length === 0) return first;
  return new PostgresError(failed.map(({ message }) => message).join('; '), {
    cause: failed.find(wasRefused)?.cause ?? first.cause,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

function order(parameters: Parameters): readonly Candidate[] {
  const { candidates, keywords } = parameters;
  if (keywords.load_balance_hosts !== 'random') return candidates;
  const keyed = candidates.map((candidate) => ({ candidate, key: Math.random() }));
  return keyed.sort((left, right) => left.key - right.key).map(({ candidate }) => candidate);
}

async function addressesOf(candidate: Candidate, failures: PostgresError[]): Promise<readonly (string | undefined)[]> {
  if (candidate.address) return [candidate.address];
  if (candidate.host.startsWith('/')) return [undefined];
  if (isIP(candidate.host) !== 0) return [candidate.host];
  try {
    return (await lookup(candidate.host, { all: true, verbatim: true })).map(({ address }) => address);
  } catch (cause) {
    const reason =
      errnoOf(cause) === 'EAI_AGAIN' ? 'Temporary failure in name resolution' : 'Name or service not known';
    failures.push(
      new PostgresError(`could not translate host name "${candidate.host}" to address: ${reason}`, { cause }),
    );
    return [];
  }
}

/** The connection, or undefined: `failures` then say why. @throws PostgresError when it was interrupted */
async function tryAddress(
  parameters: Parameters,
  candidate: Candidate,
  address: string | undefined,
  options: ConnectOptions,
  failures: PostgresError[],
): Promise<Connection | undefined> {
  for (const encrypted of encryptionOrder(parameters, address === undefined)) {
    try {
      return await open(parameters, { candidate, address, encrypted }, options);
    } catch (cause) {
      if (options.signal?.aborted) throw new PostgresError('connection attempt was interrupted', { cause });
      const failure = connectionFailure(candidate, address, cause);
      // Under `prefer` a server without TLS is asked again without it: that is no failure.
      if (encrypted && sslMode(parameters) === 'prefer' && /server does not support SSL/.test(failure.message))
        continue;
      failures.push(failure);
      // Starting up or shutting down: encryption does not matter.
      if (isUnreachable(cause) || (isServerError(cause) && !wasRefused(failure))) return undefined;
    }
  }
  return undefined;
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
]);

/** Nobody answered, so asking again in another encryption is a waste. */
function isUnreachable(cause: unknown): boolean {
  return UNREACHABLE.has(errnoOf(cause) ?? '') || messageOf(cause) === 'timeout expired';
}

async function open(parameters: Parameters, attempt: Attempt, options: ConnectOptions): Promise<Connection> {
  const { default: pg } = await import('pg');
  const config = await clientConfig(parameters, attempt, options);
  const client = new pg.Client(config);
  const status = new Map<string, string>();
  // @types/pg leaves the protocol connection out.
  const wire = (client as unknown as { connection: WireConnection }).connection;
  wire.on('parameterStatus', (message: ParameterStatus) => {
    status.set(message.parameterName, message.parameterValue);
  });
  guardAuthentication(wire, parameters, attempt.encrypted);
  // Without a listener a dying idle connection would end the process; the session has its own once it is open.
  client.on('error', () => {});
  const giveUp = () => {
    wire.stream.destroy(new Error('interrupted'));
  };
  options.signal?.addEventListener('abort', giveUp, { once: true });
  try {
    options.signal?.throwIfAborted();
    await client.connect();
    const dateStyle = status.get('DateStyle');
    if (!options.replication && dateStyle !== undefined && !dateStyle.startsWith('ISO')) {
      await client.query("SET datestyle TO 'ISO'");
    }
  } catch (error) {
    wire.stream.destroy();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
  }
  return { client, parameters, status };
}

interface ParameterStatus {
  readonly parameterName: string;
  readonly parameterValue: string;
}

async function clientConfig(parameters: Parameters, attempt: Attempt, options: ConnectOptions): Promise<ClientConfig> {
  const { keywords } = parameters;
  const { candidate, address, encrypted } = attempt;
  const name = keywords.application_name ?? options.applicationName ?? keywords.fallback_application_name;
  const seconds = integerOption(keywords, 'connect_timeout') ?? 0;
  return {
    // For a socket directory pg adds `/.s.PGSQL.PORT` itself.
    host: address ?? candidate.host,
    port: candidate.port,
    user: parameters.user,
    database: parameters.database,
    password: () => passwordFor(parameters, candidate, options),
    ssl: encrypted ? await tlsOptions(parameters, candidate) : false,
    sslnegotiation: encrypted && keywords.sslnegotiation === 'direct' ? 'direct' : 'postgres',
    enableChannelBinding: encrypted && keywords.channel_binding !== 'disable',
    keepAlive: keywords.keepalives !== '0',
    keepAliveInitialDelayMillis: 1000 * (integerOption(keywords, 'keepalives_idle') ?? 0),
    // libpq waits two seconds at least.
    connectionTimeoutMillis: seconds > 0 ? 1000 * Math.max(seconds, 2) : 0,
    types: valueTypes,
    ...(name === undefined ? {} : { application_name: name }),
    ...(keywords.options === undefined ? {} : { options: keywords.options }),
    ...(options.replication ? { replication: 'true' } : {}),
  };
}

/** Called by pg only when the server asks for a password. */
async function passwordFor(parameters: Parameters, candidate: Candidate, options: ConnectOptions): Promise<string> {
  const given = parameters.keywords.password;
  const password = given || (await findPassword(parameters, candidate, options.warn))?.password;
  if (!password) {
    throw new PostgresError('fe_sendauth: no password supplied', {
      hint: `put the password of '${parameters.user}' into ~/.pgpass (mode 0600)`,
    });
  }
  return password;
}
