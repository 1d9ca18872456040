import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../../../../src/postgres/libpq/parameters.ts';

describe('resolveParameters', () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'barman-home-'));
    const services =
      '# comment\n[other]\nhost=no\n[pg]\nhost=service.example\nport=6000\nport=7000\ndbname=fromservice\n';
    await writeFile(join(home, '.pg_service.conf'), services);
  });
  afterAll(() => rm(home, { recursive: true }));
  const resolve = (conninfo: string, env: NodeJS.ProcessEnv = {}) =>
    resolveParameters(conninfo, { HOME: home, ...env });

  it('takes the string, then the service, then the environment, then defaults', async () => {
    const env = { PGHOST: 'env.example', PGPORT: '1', PGDATABASE: 'fromenv', PGUSER: 'envuser', PGSSLMODE: 'disable' };
    const { keywords, candidates, user, database } = await resolve('service=pg dbname=given', env);
    expect({ keywords, candidates, user, database }).toEqual({
      keywords: {
        service: 'pg',
        host: 'service.example',
        port: '6000',
        dbname: 'given',
        user: 'envuser',
        sslmode: 'disable',
      },
      candidates: [{ host: 'service.example', address: undefined, port: 6000 }],
      user: 'envuser',
      database: 'given',
    });
  });

  it('defaults to the OS user, a database of that name, port 5432 and a socket', async () => {
    const { candidates, user, database } = await resolve('');
    expect({ user, database }).toEqual({ user: userInfo().username, database: userInfo().username });
    expect(candidates).toEqual([{ host: expect.stringMatching(/^\//) as string, address: undefined, port: 5432 }]);
  });

  it('takes an empty value for the default', async () => {
    expect((await resolve('host=h port= ')).candidates).toEqual([{ host: 'h', address: undefined, port: 5432 }]);
    // As psql: it stands before the environment and the service.
    const env = { PGPORT: '9', PGUSER: 'envuser' };
    const { candidates, user } = await resolve("service=pg port='' user=''", env);
    expect(candidates).toEqual([{ host: 'service.example', address: undefined, port: 5432 }]);
    expect(user).toBe(userInfo().username);
  });

  it('pairs hosts, addresses and ports', async () => {
    expect((await resolve('host=a,b hostaddr=10.0.0.1,::1 port=1,2')).candidates).toEqual([
      { host: 'a', address: '10.0.0.1', port: 1 },
      { host: 'b', address: '::1', port: 2 },
    ]);
    expect((await resolve('host=a,b port=9')).candidates.map(({ port }) => port)).toEqual([9, 9]);
    expect((await resolve('hostaddr=10.0.0.1')).candidates).toEqual([
      { host: '10.0.0.1', address: '10.0.0.1', port: 5432 },
    ]);
  });

  it.each([
    ['foo=bar', 'invalid connection option "foo"'],
    ['host=a port=abc', 'invalid integer value "abc" for connection option "port"'],
    ['host=a port=70000', 'invalid port number: "70000"'],
    ['host=a,b port=1,2,3', 'could not match 3 port numbers to 2 hosts'],
    ['host=a hostaddr=10.0.0.1,10.0.0.2', 'could not match 1 host names to 2 hostaddr values'],
    ['sslmode=foo', 'invalid sslmode value: "foo"'],
    ['target_session_attrs=master', 'invalid target_session_attrs value: "master"'],
    ['requirepeer=postgres', 'connection option "requirepeer" is not supported'],
    ["host='a", 'unterminated quoted string in connection info string'],
  ])('refuses %s', async (conninfo, message) => {
    await expect(resolve(conninfo)).rejects.toMatchObject({ name: 'PostgresError', message });
  });
});
