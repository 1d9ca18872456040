/** No part of a secret is shown, however its value is written or broken. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putInForce } from '../../../src/config/in-force.ts';
import { parseIni } from '../../../src/config/ini.ts';
import type { ServerConfig } from '../../../src/config/options.ts';
import { conninfoProblem, formatConninfo, parseKnownConninfo, toolConnection } from '../../../src/domain/conninfo.ts';
import { BarmanError, messageOf, withHint } from '../../../src/domain/errors.ts';
import { redactConninfo, redactSecrets, withoutSecret } from '../../../src/domain/redaction.ts';
import { resolveParameters } from '../../../src/postgres/libpq/parameters.ts';
import { always } from '../../support/fuzz.ts';

describe('redactSecrets', () => {
  it.each([
    ['host=h password=s3cr3t user=u', 'host=h password=*REDACTED* user=u'],
    ['host=h password=s3cr3t', 'host=h password=*REDACTED*'],
    ["password = 's3 cr3t' user=u", 'password=*REDACTED* user=u'],
    [String.raw`password='s3\'cr3t x' user=u`, 'password=*REDACTED* user=u'],
    [String.raw`password=s3\ cr3t user=u`, 'password=*REDACTED* user=u'],
    ['sslpassword=s3cr3t PGPASSWORD=s3cr3t', 'sslpassword=*REDACTED* PGPASSWORD=*REDACTED*'],
    [
      "'conninfo' overridden with 'host=h password=s3cr3t' and",
      "'conninfo' overridden with 'host=h password=*REDACTED*' and",
    ],
    ['("password=s3cr3t").', '("password=*REDACTED*").'],
    ['password=s3cr3t!"$%&/()=? user=u', 'password=*REDACTED* user=u'],
    ['conninfo: password=s3cr3t\n\tcreate_slot: manual', 'conninfo: password=*REDACTED*\n\tcreate_slot: manual'],
    ['postgresql://u:s3cr3t@h:1/d', 'postgresql://u:*REDACTED*@h:1/d'],
    ['postgres://u:s3cr3t@h', 'postgres://u:*REDACTED*@h'],
    ['postgresql://u:s3@cr3t@h', 'postgresql://u:*REDACTED*@h'],
    ['postgresql://u:s3/cr3t@h', 'postgresql://u:*REDACTED*@h'],
    [
      'postgresql://h/d?user=u&password=s3cr3t&sslmode=require',
      'postgresql://h/d?user=u&password=*REDACTED*&sslmode=require',
    ],
    ['"postgresql://h/d?password=s3cr3t" is', '"postgresql://h/d?password=*REDACTED*" is'],
    [
      'a: postgresql://u:s3cr3t@h b: postgresql://v:s3cr3t@i',
      'a: postgresql://u:*REDACTED*@h b: postgresql://v:*REDACTED*@i',
    ],
    ["host=h password='s3cr3t unterminated", 'host=h password=*REDACTED*'],
    ['scram_client_key=s3cr3t', 'scram_client_key=*REDACTED*'],
    ['host=h password=s3 cr3t dbname=d', 'host=h password=*REDACTED* dbname=d'],
    ['PGPASSWORD="s3 cr3t" psql -h h', 'PGPASSWORD=*REDACTED* psql -h h'],
  ])('cleans %j', (text, expected) => {
    expect(redactSecrets(text)).toBe(expected);
    expect(redactSecrets(expected)).toBe(expected);
  });

  it.each([
    'FATAL:  password authentication failed for user "x"',
    'postgresql://u@h:5432/db?application_name=me@x',
    'postgresql://h1:5432,h2:5433/db?options=a@b',
    'postgresql://[::1]:5432/db',
    'fe_sendauth: no password supplied',
    'password= ',
    'no password given, see the host = line',
  ])('leaves %j alone', (text) => {
    expect(redactSecrets(text)).toBe(text);
  });

  it('hides any password of any valid string', () => {
    const password = fc.string({ minLength: 4 }).filter((text) => /^[^\s].*[^\s]$/.test(text) && !/^\W*$/.test(text));
    fc.assert(
      fc.property(password, fc.constantFrom('', 'user=u '), (secret, before) => {
        const text = `${before}${formatConninfo({ password: secret, host: 'h' })}`;
        expect(redactSecrets(text)).toBe(`${before}password=*REDACTED* host=h`);
        const uri = `postgresql://u:${encodeURIComponent(secret)}@h/d`;
        expect(redactSecrets(uri)).toBe('postgresql://u:*REDACTED*@h/d');
      }),
    );
  });
});

describe('redactConninfo', () => {
  it.each([
    ["host=h  password = 's3 cr3t' user=u", 'host=h  password=*REDACTED* user=u'],
    ['postgresql://u:s3cr3t@h/d?sslpassword=x&user=u', 'postgresql://u:*REDACTED*@h/d?sslpassword=*REDACTED*&user=u'],
    ['postgresql://u@h:5432/d?application_name=me@x', 'postgresql://u@h:5432/d?application_name=me@x'],
    ['password=s3 cr3t=x user=u', 'password=*REDACTED* *REDACTED* user=u'],
    ['password=s3 cr3t user=u', '*REDACTED*'],
    ['postgresql://u:s3@cr3t@h', '*REDACTED*'],
    ['', ''],
  ])('shows %j', (text, expected) => {
    expect(redactConninfo(text)).toBe(expected);
  });

  it('is what options of that kind are shown by', () => {
    expect(withoutSecret('streaming_conninfo', 'password=s3 cr3t')).toBe('*REDACTED*');
    expect(withoutSecret('conninfo', 'None')).toBe('None');
    expect(withoutSecret('aws_sse_customer_key', 'None')).toBe('None');
    expect(withoutSecret('aws_sse_customer_key', 'x')).toBe('*REDACTED*');
    expect(withoutSecret('description', 'x')).toBe('x');
  });
});

/** Whatever is told, as somebody sees it. */
async function told(work: () => unknown): Promise<string> {
  try {
    return JSON.stringify((await work()) ?? null);
  } catch (error) {
    return withHint(messageOf(error), error instanceof BarmanError ? error.hint : undefined);
  }
}

/** A piece that nothing but the password has. */
const MARK = 'Zq7x';
const pieces = [
  MARK,
  MARK,
  ' ',
  '@',
  '/',
  ':',
  '%',
  "'",
  '"',
  '\\',
  '=',
  '?',
  '&',
  '#',
  '[',
  ']',
  ',',
  '%40',
  '%zz',
  '%(',
  'a',
  '1',
  '\t',
];
const password = fc
  .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join(''))
  .filter((text) => text.includes(MARK));
const STYLES: readonly ((password: string) => string)[] = [
  (text) => `password=${text}`,
  (text) => `host=h password=${text} dbname=d`,
  (text) => `password = ${text} host=h`,
  (text) => `host=h password='${text}' dbname=d`,
  (text) => `host=h password='${text} dbname=d`,
  (text) => `host=h password="${text}" dbname=d`,
  (text) => `host=h sslpassword=${text} dbname=d`,
  (text) => formatConninfo({ host: 'h', password: text, user: 'u' }),
  (text) => `postgresql://u:${text}@h:5432/d`,
  (text) => `postgresql://u:${text}@h/d?user=u`,
  (text) => `postgresql://h/d?password=${text}`,
  (text) => `postgresql://u:${encodeURIComponent(text)}@h/d`,
  // With one of these it is a good list of hosts.
  (text) => `postgres://u:${text.replace(/[/,@]/g, '')}`,
];
const conninfo = fc.tuple(fc.constantFrom(...STYLES), password).map(([style, text]) => style(text));

describe('a password that is written wrongly', () => {
  it('is shown by no reader and no writer', async () => {
    const check = async (text: string) => {
      const problem = conninfoProblem(text);
      const server = {
        name: 'pg',
        conninfo: text,
        streamingConninfo: text,
        backupMethod: 'postgres',
        backupOptions: new Set(),
      };
      const config = { ...server, problems: [], logMessages: [], originOf: () => ({ file: '/f', line: 1 }) };
      const faces = [
        JSON.stringify(problem),
        redactConninfo(text),
        redactSecrets(redactConninfo(text)),
        await told(() => putInForce(config as unknown as ServerConfig).problems),
        await told(() => toolConnection(text, 'me').dsn),
        await told(() => {
          parseKnownConninfo(text);
        }),
        await told(async () => {
          const { candidates, user, database } = await resolveParameters(text, { HOME: '/nowhere' });
          return { candidates, user, database };
        }),
      ];
      for (const face of faces) expect(face, text).not.toContain(MARK);
    };
    await fc.assert(fc.asyncProperty(conninfo, check), { numRuns: Number(process.env.FUZZ_RUNS ?? 1_000) });
  });

  it('is shown by no error of the configuration file', () => {
    const line = fc.constantFrom('conninfo = ', 'conninfo = host=h\n   ', 'conninfo = host=h\n', '', ': ', 'conninfo ');
    const place = fc.constantFrom('[pg]\n', '', '[pg]\n = x\n', '[pg]\nhost = h\n');
    always(
      fc.tuple(place, line, conninfo),
      ([before, key, text]) => {
        try {
          parseIni(`${before}${key}${text}\n`, '/f');
        } catch (error) {
          expect(messageOf(error)).not.toContain(MARK);
        }
      },
      1_000,
    );
  });
});
