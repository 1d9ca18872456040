/**
 * libpq's sslmode and certificate files as options of node:tls. Source: PostgreSQL documentation, "SSL Support".
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionOptions, SecureVersion } from 'node:tls';
import { errnoOf, PostgresError } from '../../domain/errors.ts';
import type { Candidate, Parameters } from './parameters.ts';

/** In which order to try encrypted (true) and plain (false) connections. */
export function encryptionOrder(parameters: Parameters, isSocket: boolean): readonly boolean[] {
  // PostgreSQL speaks no TLS on Unix sockets.
  if (isSocket) return [false];
  switch (sslMode(parameters)) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, true];
    case 'prefer':
      return [true, false];
    default:
      return [true];
  }
}

/** The mode in force; `prefer` unless told otherwise, `verify-full` with the system's certificates. */
export function sslMode(parameters: Parameters): string {
  const { sslmode, sslrootcert } = parameters.keywords;
  return sslmode ?? (sslrootcert === 'system' ? 'verify-full' : 'prefer');
}

/** What node:tls needs for this server. @throws PostgresError when a certificate file is missing or exposed */
export async function tlsOptions(parameters: Parameters, candidate: Candidate): Promise<ConnectionOptions> {
  const { keywords } = parameters;
  const authority = await readAuthority(parameters);
  const mode = sslMode(parameters);
  // libpq checks the certificate under `require` too when a root file is there.
  const verifies = mode.startsWith('verify') || (mode === 'require' && authority !== undefined);
  return {
    rejectUnauthorized: verifies,
    ...(verifies && mode !== 'verify-full' ? { checkServerIdentity: () => undefined } : {}),
    ...(authority === undefined || authority === 'system' ? {} : { ca: authority }),
    ...(await readClientCertificate(parameters)),
    ...(keywords.sslcrl ? { crl: await readNamed(keywords.sslcrl, 'certificate revocation list') } : {}),
    // What the certificate is checked against, and the name sent to the server; never an address.
    host: candidate.host,
    ...(/[a-z]/i.test(candidate.host) && !candidate.host.includes(':') && keywords.sslsni !== '0'
      ? { servername: candidate.host }
      : {}),
    minVersion: (keywords.ssl_min_protocol_version ?? 'TLSv1.2') as SecureVersion,
    ...(keywords.ssl_max_protocol_version ? { maxVersion: keywords.ssl_max_protocol_version as SecureVersion } : {}),
  };
}

async function readAuthority(parameters: Parameters): Promise<Buffer | 'system' | undefined> {
  const named = parameters.keywords.sslrootcert;
  if (named === 'system') return named;
  const file = named ?? join(parameters.home, '.postgresql', 'root.crt');
  try {
    return await readFile(file);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' || sslMode(parameters).startsWith('verify')) {
      throw new PostgresError(`root certificate file "${file}" does not exist`, {
        cause,
        hint: 'Either provide the file, use sslrootcert=system, or change sslmode to disable server certificate verification.',
      });
    }
    return undefined;
  }
}

async function readClientCertificate(parameters: Parameters): Promise<ConnectionOptions> {
  const { sslcert, sslkey, sslpassword, sslcertmode } = parameters.keywords;
  if (sslcertmode === 'disable') return {};
  const folder = join(parameters.home, '.postgresql');
  const certificate = sslcert ?? join(folder, 'postgresql.crt');
  const cert = await readFile(certificate).catch((error: unknown) => {
    if (sslcert === undefined && errnoOf(error) !== 'EACCES') return undefined;
    throw new PostgresError(`could not read certificate file "${certificate}": ${errnoOf(error) ?? 'unknown error'}`);
  });
  if (cert === undefined) return {};
  const keyFile = sslkey ?? join(folder, 'postgresql.key');
  const key = await readNamed(keyFile, 'private key file');
  const { mode, uid } = await stat(keyFile);
  // A key of root may be readable by its group.
  if ((mode & (uid === 0 ? 0o037 : 0o077)) !== 0) {
    throw new PostgresError(`private key file "${keyFile}" has group or world access`, {
      hint: 'File must have permissions u=rw (0600) or less if owned by the current user, or u=rw,g=r (0640) or less if owned by root.',
    });
  }
  return { cert, key, ...(sslpassword ? { passphrase: sslpassword } : {}) };
}

async function readNamed(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new PostgresError(`could not read ${what} "${path}": ${errnoOf(cause) ?? 'unknown error'}`, { cause });
  }
}
