import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  conninfoProblem,
  formatConninfo,
  parseConninfo,
  parseKnownConninfo,
  streamingDsn,
  toolConnection,
  withApplicationName,
} from '../../../src/domain/conninfo.ts';

describe('parseConninfo', () => {
  it.each<[string, Record<string, string>]>([
    ['host=a port=5432', { host: 'a', port: '5432' }],
    ['  host = a   port= 5432 ', { host: 'a', port: '5432' }],
    [String.raw`password='it''s'`.replace("''", String.raw`\'`), { password: "it's" }],
    [String.raw`password=a\ b\\c`, { password: String.raw`a b\c` }],
    ["password='' user=x", { password: '', user: 'x' }],
    ["options='-c search_path=x'", { options: '-c search_path=x' }],
    ['host=a host=b', { host: 'b' }],
    ['password=a=b', { password: 'a=b' }],
    ['password= dbname=x', { password: 'dbname=x' }],
    ['', {}],
  ])('reads the keywords of %j', (text, expected) => {
    expect(parseConninfo(text)).toEqual(expected);
  });

  it.each<[string, Record<string, string>]>([
    ['postgresql://', {}],
    ['postgresql://localhost', { host: 'localhost' }],
    [
      'postgres://u:p%40ss@h:5433/db?connect_timeout=3',
      { user: 'u', password: 'p@ss', host: 'h', port: '5433', dbname: 'db', connect_timeout: '3' },
    ],
    ['postgresql://u@[2001:db8::1]:1/d', { user: 'u', host: '2001:db8::1', port: '1', dbname: 'd' }],
    ['postgresql://h1:1,h2:2/d', { host: 'h1,h2', port: '1,2', dbname: 'd' }],
    ['postgresql://h1,h2:2/', { host: 'h1,h2', port: ',2' }],
    ['postgresql://%2Fvar%2Frun/db', { host: '/var/run', dbname: 'db' }],
    ['postgresql:///db?host=h&ssl=true', { dbname: 'db', host: 'h', sslmode: 'require' }],
    ['postgresql://?user=a%20b', { user: 'a b' }],
  ])('reads the URI %j', (text, expected) => {
    expect(parseConninfo(text)).toEqual(expected);
  });

  it.each([
    ['host=a port', 'missing "=" after "port" in connection info string'],
    ["host='a", 'unterminated quoted string in connection info string'],
    ['postgresql://u:%zz@h', 'invalid percent-encoded token: in "password"'],
    ['postgresql://h?x', 'missing key/value separator "=" in URI query parameter 1'],
    ['postgresql://h?user=a&user=1=2', 'extra key/value separator "=" in URI query parameter 2'],
    ['postgresql://[::1', 'invalid host in connection URI'],
    ['postgresql://u:s3@cr3t@h', 'unexpected "@" behind the password in connection URI'],
    ['postgresql://u:1/s3cr3t@h', 'unexpected "@" behind the password in connection URI'],
    ['postgresql://u:s3cr3t', 'invalid port number in connection URI'],
    ['password=s3 cr3t host=a', 'missing "=" in what follows the value of "password" in connection info string'],
    ['s3cr3t', 'missing "=" after word 1 in connection info string'],
  ])('refuses %j', (text, message) => {
    expect(() => parseConninfo(text)).toThrow(message);
  });

  it('reads back what formatConninfo writes', () => {
    // Every keyword of libpq begins with a letter.
    const key = fc.stringMatching(/^[a-z][a-z_]{0,9}$/);
    fc.assert(
      fc.property(fc.dictionary(key, fc.string(), { noNullPrototype: true }), (keywords) => {
        expect(parseConninfo(formatConninfo(keywords))).toEqual(keywords);
      }),
    );
  });
});

describe('conninfoProblem', () => {
  it("is null for what libpq accepts, quoted values and URIs without '=' included", () => {
    for (const text of ['host=a', "password = 'x y'", 'postgresql://u:p@h/d']) expect(conninfoProblem(text)).toBeNull();
  });

  it('says why, and what to do, and repeats nothing that may be the password', () => {
    expect(conninfoProblem('host=a port')).toEqual({
      reason: 'missing "=" after "port" in connection info string',
      remedy: "put single quotes around a value that holds a blank: key='a b'",
    });
    const { reason, remedy } = conninfoProblem('postgresql://u:s3@cr3t@h') ?? {};
    expect(`${reason} ${remedy}`).toMatch(/"@" is %40/);
    expect(`${reason} ${remedy}`).not.toMatch(/s3|cr3t/);
  });
});

describe('parseKnownConninfo', () => {
  it('names an option that libpq does not know, unless it may be the rest of a secret', () => {
    expect(() => parseKnownConninfo('host=a prot=1')).toThrow('invalid connection option "prot"');
    expect(() => parseKnownConninfo('postgresql://h?x=1')).toThrow(/^invalid connection option in the query/);
    expect(() => parseKnownConninfo('password=s3 cr3t=x host=a')).toThrow(
      expect.objectContaining({ message: 'invalid connection option behind the value of "password"' }) as Error,
    );
  });
});

describe('the strings of the client programs', () => {
  it('sorts the keywords and forces those of a replication connection', () => {
    expect(streamingDsn('user=streaming_barman host=127.0.0.1 port=5432 dbname=x options=-cfoo=1')).toBe(
      'dbname=replication host=127.0.0.1 options=-cdatestyle=iso port=5432 replication=true user=streaming_barman',
    );
  });

  it('reads a URI', () => {
    expect(streamingDsn('postgresql://u:pw@h:1/d?sslmode=require')).toBe(
      'dbname=replication host=h options=-cdatestyle=iso port=1 replication=true sslmode=require user=u',
    );
  });

  it('keeps the password out of the arguments and hands it over by the environment', () => {
    expect(toolConnection("host=h user=u password='s3 cr3t'", 'barman_receive_wal')).toEqual({
      dsn: 'dbname=replication host=h options=-cdatestyle=iso replication=true user=u application_name=barman_receive_wal',
      env: { PGPASSWORD: 's3 cr3t' },
    });
  });

  it("keeps the user's own application_name, sorted with the others", () => {
    expect(toolConnection('host=h application_name=mine', 'barman_receive_wal')).toEqual({
      dsn: 'application_name=mine dbname=replication host=h options=-cdatestyle=iso replication=true',
      env: {},
    });
  });

  it('quotes values that need it', () => {
    expect(withApplicationName('host=h', "it's me")).toBe(String.raw`host=h application_name='it\'s me'`);
    expect(streamingDsn(String.raw`sslcert='/a b/c.crt'`)).toBe(
      "dbname=replication options=-cdatestyle=iso replication=true sslcert='/a b/c.crt'",
    );
  });

  it('refuses a secret that only an argument could carry', () => {
    expect(() => toolConnection('host=h sslpassword=x', 'n')).toThrow(
      "the 'sslpassword' of a streaming_conninfo would be visible in the process list",
    );
  });
});
