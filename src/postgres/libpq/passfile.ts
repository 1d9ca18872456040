/** Passwords of ~/.pgpass, found by libpq's rules. Source: PostgreSQL documentation, "The Password File". */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Candidate, type Parameters, resolveParameters } from './parameters.ts';

export interface FoundPassword {
  readonly password: string;
  readonly file: string;
}

/**
 * The password for this server, or undefined. A file that others can read is not used, as in libpq: `warn` is told.
 */
export async function findPassword(
  parameters: Parameters,
  candidate: Candidate,
  warn: (text: string) => void,
): Promise<FoundPassword | undefined> {
  const file = passfileOf(parameters);
  const found = await stat(file).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isFile()) {
    warn(`password file "${file}" is not a plain file`);
    return undefined;
  }
  if ((found.mode & 0o077) !== 0) {
    warn(`password file "${file}" has group or world access; permissions should be u=rw (0600) or less`);
    return undefined;
  }
  const text = await readFile(file, 'utf8').catch(() => '');
  const password = matchingPassword(text, wantedFields(parameters, candidate, parameters.database));
  return password === undefined ? undefined : { password, file };
}

function passfileOf({ keywords, home }: Parameters): string {
  return keywords.passfile ?? join(home, '.pgpass');
}

function wantedFields({ keywords, user }: Parameters, candidate: Candidate, database: string): readonly string[] {
  // A default socket directory is called localhost in the file.
  const isDefaultSocket = keywords.host === undefined && candidate.host.startsWith('/');
  return [isDefaultSocket ? 'localhost' : candidate.host, String(candidate.port), database, user];
}

/**
 * The line that streaming lacks: the file has one for this server and user, but for another database. undefined when that
 * is not what is wrong. Nothing of a password is in it.
 */
export async function missingReplicationLine(
  conninfo: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly file: string; readonly line: string } | undefined> {
  const parameters = await resolveParameters(conninfo, env);
  const file = passfileOf(parameters);
  const text = await readFile(file, 'utf8').catch(() => '');
  for (const candidate of parameters.candidates) {
    const wanted = wantedFields(parameters, candidate, 'replication');
    if (matchingPassword(text, wanted) !== undefined || !hasOtherDatabase(text, wanted)) continue;
    return { file, line: [...wanted.map(escape), 'PASSWORD'].join(':') };
  }
  return undefined;
}

function hasOtherDatabase(text: string, wanted: readonly string[]): boolean {
  return text.split(/\r?\n/).some((line) => {
    const database = splitLine(line)[2];
    return database !== undefined && matchingPassword(line, wanted.with(2, unescape(database))) !== undefined;
  });
}

function escape(text: string): string {
  return text.replace(/[:\\]/g, '\\$&');
}

/** The password of the first line whose four fields match `wanted`. */
export function matchingPassword(text: string, wanted: readonly string[]): string | undefined {
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitLine(line);
    if (fields.length < 5) continue;
    if (wanted.every((value, index) => fields[index] === '*' || unescape(fields[index] ?? '') === value)) {
      return unescape(fields[4] ?? '');
    }
  }
  return undefined;
}

/** Splits at colons that no backslash precedes; escapes stay, so that `\*` is not the wildcard. */
function splitLine(line: string): string[] {
  return [...`:${line}`.matchAll(/:((?:\\.|[^:\\])*)/g)].map((match) => match[1] ?? '');
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}
