/** pg_service.conf: each case was given to psql 15, and the answers are its. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readService } from '../../../../src/postgres/libpq/service.ts';

describe('readService', () => {
  let home: string;
  let file: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'barman-home-'));
    file = join(home, '.pg_service.conf');
  });
  afterAll(() => rm(home, { recursive: true }));
  const keywords = new Set(['host', 'port', 'user', 'password', 'options', 'sslmode', 'service', 'servicefile']);
  const read = async (text: string, name = 's', env: NodeJS.ProcessEnv = { PGSYSCONFDIR: home }) => {
    await writeFile(file, text);
    return readService(name, { env, home, keywords });
  };

  // What the package `ini` would make of it stands behind some of them.
  it.each<[string, string, Record<string, string>]>([
    ['a service', '[s]\nhost=a\nport=1\n', { host: 'a', port: '1' }],
    ['; and # in a value (p)', '[s]\npassword=p#w;d\n', { password: 'p#w;d' }],
    ['quotes (taken off)', '[s]\nhost="a"\nuser=\'u\'\n', { host: '"a"', user: "'u'" }],
    ['a backslash (a;b)', '[s]\nhost=a\\;b\n', { host: 'a\\;b' }],
    ['a word (a boolean)', '[s]\nuser=true\npassword=null\n', { user: 'true', password: 'null' }],
    ['the first of two sections (the last)', '[s]\nhost=a\n[s]\nhost=b\n', { host: 'a' }],
    ['the first of two keywords (the last)', '[s]\nhost=a\nhost=b\nport=\nport=9\n', { host: 'a', port: '' }],
    ['text behind the header (no section)', '[s] # x\nhost=a\n', { host: 'a' }],
    ['a blank before a value (no blank)', '[s]\npassword= p\n', { password: ' p' }],
    ['blanks around a line', '  [s]\n\thost=a \t\r\n  port=7\f\v\n', { host: 'a', port: '7' }],
    ['a no-break space', '[s]\npassword=p\u00a0\n', { password: 'p\u00a0' }],
    ['comments', '# x\n[s]\n  # y\n#user=u\nhost=a', { host: 'a' }],
    ['= in a value', '[s]\noptions=-c search_path=x\n', { options: '-c search_path=x' }],
    ['other sections unread', '; x\n[o]\nfoo\n[s]\nhost=a\n[p]\nbar\n', { host: 'a' }],
  ])('takes %s', async (_, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  it('takes a name with a dot or a blank, and one that objects have anyway', async () => {
    const text = '[s.t]\nhost=a\n[ s ]\nhost=b\n[__proto__]\nhost=c\n';
    expect(await read(text, 's.t')).toEqual({ host: 'a' });
    expect(await read(text, ' s ')).toEqual({ host: 'b' });
    expect(await read(text, '__proto__')).toEqual({ host: 'c' });
    await expect(read(text)).rejects.toThrow('definition of service "s" not found');
  });

  it.each([
    ['a line without =', '[s]\nhost=a\nnonsense s3cr3t\n', 'syntax error in service file "FILE", line 3'],
    ['a blank before =', '[s]\npassword = s3cr3t\n', 'syntax error in service file "FILE", line 2'],
    ['a comment of ini', '[s]\n; s3cr3t\n', 'syntax error in service file "FILE", line 2'],
    ['capitals', '[s]\nHOST=a\n', 'syntax error in service file "FILE", line 2'],
    ['an array', '[s]\nuser[]=u\n', 'syntax error in service file "FILE", line 2'],
    [
      'a service in it',
      '[s]\nservice=t\n',
      'nested service specifications not supported in service file "FILE", line 2',
    ],
    // psql asks the directory.
    ['LDAP', '[s]\nldap://h/dc=x?y?one?(z)\n', 'LDAP look-up is not supported: service file "FILE", line 2'],
  ])('refuses %s, and does not repeat the line', async (_, text, message) => {
    const error = await read(text).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'PostgresError', message: message.replace('FILE', file) });
  });

  it('looks in the shared file after the own one', async () => {
    await writeFile(join(home, 'pg_service.conf'), '[shared]\nhost=b\n');
    expect(await read('[s]\nhost=a\n', 'shared')).toEqual({ host: 'b' });
  });

  it('says when the file of PGSERVICEFILE is not there', async () => {
    const message = 'service file "/nonexistent/x" not found';
    await expect(read('', 's', { PGSERVICEFILE: '/nonexistent/x' })).rejects.toMatchObject({ message });
  });
});
