/** What went wrong with a connection or a statement, in libpq's words. */
import { errnoOf, messageOf, PostgresError } from '../../domain/errors.ts';
import type { Candidate } from './parameters.ts';

/** `connection to server at "HOST" (ADDRESS), port N failed: REASON`. */
export function connectionFailure(candidate: Candidate, address: string | undefined, cause: unknown): PostgresError {
  const reason = reasonOf(cause);
  const hint = hintFor(candidate, cause);
  return new PostgresError(`connection to server ${placeOf(candidate, address)} failed: ${reason}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

function placeOf(candidate: Candidate, address: string | undefined): string {
  if (candidate.host.startsWith('/')) return `on socket "${candidate.host}/.s.PGSQL.${candidate.port}"`;
  const detail = address === undefined || address === candidate.host ? '' : ` (${address})`;
  return `at "${candidate.host}"${detail}, port ${candidate.port}`;
}

const ERRNO_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'server closed the connection unexpectedly',
  EPIPE: 'server closed the connection unexpectedly',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  ENOTDIR: 'Not a directory',
  EADDRNOTAVAIL: 'Cannot assign requested address',
};

const DRIVER_WORDS: readonly (readonly [RegExp, string])[] = [
  [/does not support SSL connections/, 'server does not support SSL, but SSL was required'],
  [/Connection terminated/, 'server closed the connection unexpectedly'],
  [/error establishing an SSL connection/, 'received invalid response to SSL negotiation'],
];

function reasonOf(cause: unknown): string {
  if (isServerError(cause)) return `${cause.severity}:  ${cause.message}`;
  const errno = errnoOf(cause);
  if (errno !== undefined && ERRNO_WORDS[errno]) return ERRNO_WORDS[errno];
  const message = messageOf(cause);
  const known = DRIVER_WORDS.find(([pattern]) => pattern.test(message));
  if (known) return known[1];
  if (errno === undefined || cause instanceof PostgresError) return message;
  return /CERT|VERIFY|ISSUER/.test(errno)
    ? `SSL error: certificate verify failed (${message})`
    : `SSL error: ${message}`;
}

function hintFor(candidate: Candidate, cause: unknown): string | undefined {
  if (cause instanceof PostgresError) return cause.hint;
  const errno = errnoOf(cause);
  if (errno === 'ECONNREFUSED' || errno === 'ENOENT') {
    return candidate.host.startsWith('/')
      ? 'Is the server running locally and accepting connections on that socket?'
      : 'Is the server running on that host and accepting TCP/IP connections?';
  }
  return undefined;
}

/** An error response of the server: it has a severity and a five-character SQLSTATE. */
export interface ServerError extends Error {
  readonly severity: string;
  readonly code: string;
}

export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && /^[0-9A-Z]{5}$/.test(errnoOf(error) ?? '');
}

/** SQLSTATE of a failed statement or connection, wherever in the chain of causes it is; undefined for none. */
export function sqlStateOf(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (isServerError(current)) return current.code;
  }
  return undefined;
}

/** A failed statement: the server's own sentence. */
export function statementFailure(cause: unknown): PostgresError {
  if (cause instanceof PostgresError) return cause;
  if (isServerError(cause)) return new PostgresError(cause.message, { cause });
  return new PostgresError(reasonOf(cause), { cause });
}

/** True when the session is gone, as against a statement that was refused. */
export function isLostConnection(error: unknown): boolean {
  const state = sqlStateOf(error);
  // 57P01 shutdown or pg_terminate_backend, 57P02 crash, class 08 connection exceptions.
  return state === undefined || state === '57P01' || state === '57P02' || state.startsWith('08');
}
