/** Passwords of ~/.pgpass, found by libpq's rules. Source: PostgreSQL documentation, "The Password File". */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Candidate, Parameters } from './parameters.ts';

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
  const file = parameters.keywords.passfile ?? join(parameters.home, '.pgpass');
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
  // A default socket directory is called localhost in the file.
  const isDefaultSocket = parameters.keywords.host === undefined && candidate.host.startsWith('/');
  const wanted = [
    isDefaultSocket ? 'localhost' : candidate.host,
    String(candidate.port),
    parameters.database,
    parameters.user,
  ];
  const password = matchingPassword(text, wanted);
  return password === undefined ? undefined : { password, file };
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
