/**
 * `pg_service.conf`, read as libpq reads it. It only looks like INI: the package `ini` would cut a password at `;` or `#`,
 * take quotes off, nest `[a.b]` and let the last of two sections win.
 * Source: PostgreSQL documentation, "The Connection Service File"; compared with psql.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConninfoKeywords } from '../../domain/conninfo.ts';
import { errnoOf, PostgresError } from '../../domain/errors.ts';

export interface ServiceLookup {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  /** What a line may set. */
  readonly keywords: ReadonlySet<string>;
}

/** What a service sets. @throws PostgresError in libpq's words */
export async function readService(name: string, { env, home, keywords }: ServiceLookup): Promise<ConninfoKeywords> {
  const own = env.PGSERVICEFILE || join(home, '.pg_service.conf');
  const shared = ['/etc/postgresql-common', '/etc', '/usr/local/etc'].map((path) => join(path, 'pg_service.conf'));
  const files = [own, ...(env.PGSYSCONFDIR ? [join(env.PGSYSCONFDIR, 'pg_service.conf')] : shared)];
  for (const file of files) {
    const text = await readIfPresent(file);
    if (text === undefined && env.PGSERVICEFILE && file === own) {
      throw new PostgresError(`service file "${file}" not found`);
    }
    const found = text === undefined ? undefined : findService(text, { name, file, keywords });
    if (found) return found;
  }
  throw new PostgresError(`definition of service "${name}" not found`);
}

/** C's isspace: a no-break space belongs to a value. */
const OUTER_BLANKS = /^[ \t\v\f\r]+|[ \t\v\f\r]+$/g;

interface Wanted {
  readonly name: string;
  readonly file: string;
  readonly keywords: ReadonlySet<string>;
}

/** Of the first section of that name; of two equal keywords the first one counts. Other sections are not looked at. */
function findService(text: string, { name, file, keywords }: Wanted): ConninfoKeywords | undefined {
  let found: Record<string, string> | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(OUTER_BLANKS, '');
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (found) break;
      // Whatever stands behind the bracket.
      if (line.startsWith(`[${name}]`)) found = {};
      continue;
    }
    if (!found) continue;
    // No blanks around `=`: one before it is no part of any keyword, one behind it belongs to the value.
    const equals = line.indexOf('=');
    const key = line.slice(0, Math.max(equals, 0));
    const place = `service file "${file}", line ${index + 1}`;
    if (line.startsWith('ldap')) throw new PostgresError(`LDAP look-up is not supported: ${place}`);
    if (key === 'service' || key === 'servicefile') {
      throw new PostgresError(`nested ${key} specifications not supported in ${place}`);
    }
    // The text of the line stays out of the message: it may be a password.
    if (!keywords.has(key)) throw new PostgresError(`syntax error in ${place}`);
    found[key] ??= line.slice(equals + 1);
  }
  return found;
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
