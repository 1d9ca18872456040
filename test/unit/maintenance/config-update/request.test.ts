/** What config-update accepts, and where it writes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Config, loadConfig, readMainFile } from '../../../../src/config/load.ts';
import { readRequest, SectionRefused } from '../../../../src/maintenance/config-update/request.ts';

describe('readRequest', () => {
  let root: string;
  let config: Config;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'barman-request-'));
    const path = join(root, 'barman.conf');
    writeFileSync(
      path,
      `[barman]\nbarman_home = ${root}\ncompression = gzip\n[main]\nslot_name = s\n[m1]\nmodel = on\ncluster = main\n`,
    );
    config = loadConfig(readMainFile({ path, env: {} }));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const read = (document: unknown) => readRequest(JSON.stringify(document), config);
  const server = (options: Record<string, unknown>, name: unknown = 'main') => [
    { scope: 'server', server_name: name, ...options },
  ];

  it('writes an option where it is said now, for the section or for all, else to the automatic file', () => {
    const [set] = read(server({ slot_name: 't', compression: 'lz4', parallel_jobs: '2' }));
    expect(set).toEqual({
      section: 'main',
      changes: [
        { key: 'slot_name', value: 't', configFile: join(root, 'barman.conf') },
        { key: 'compression', value: 'lz4', configFile: join(root, 'barman.conf') },
        { key: 'parallel_jobs', value: '2', configFile: join(root, '.barman.auto.conf') },
      ],
    });
  });

  it.each(['', 'not json', '[1', '{"a": 1}', '3', 'null', '"x"', '[3]', '["x"]', '[[]]', '[null]'])(
    'refuses %j',
    (text) => {
      expect(() => readRequest(text, config)).toThrow(/^config-update (takes|cannot read)/);
    },
  );

  it.each([
    [server({ parallel_jobs: 3 }), 'key \'parallel_jobs\' -> 3 is not a string: write "3"'],
    [server({ archiver: true }), "key 'archiver' -> True is not a string"],
    [server({ description: null }), "key 'description' -> None is not a string"],
    [server({ description: 'a\n[barman]\nx = 1' }), 'holds a line break'],
    [server({ description: 'a\rx = 1' }), 'holds a line break'],
    [server({ description: 'a\u0000' }), 'control character'],
    [server({ description: '\ud800' }), 'control character'],
    [server({ description: '50%' }), "'%' must be followed by"],
    [server({ description: '50%%' }), "'%' must be followed by"],
    [server({ description: '%(nosuch)s' }), 'Bad value substitution'],
    [server({ 'slot_name = x\ndescription': 'y' }), 'Invalid option'],
    [server({ toString: 'y' }), "Invalid option 'toString'"],
    [JSON.parse('[{"scope":"server","server_name":"main","__proto__":"x"}]') as unknown, "Invalid option '__proto__'"],
    [server({}, 3), "'server_name' is not a string"],
    [server({}, 'barman'), 'reserved word'],
    [server({}, 'all'), 'reserved word'],
    [server({}, 'DEFAULT'), 'reserved word'],
    [server({}, ''), 'it is empty'],
    [server({}, 'a]\n[barman'), 'holds a bracket'],
    [server({}, 'a/b'), 'a slash'],
    [server({}, '..'), "it begins with '.'"],
    [[{ scope: 'model', model_name: 'm1', cluster: ' ' }], 'a model needs a cluster'],
  ])('refuses %j', (document, reason) => {
    expect(() => read(document)).toThrow(SectionRefused);
    expect(() => read(document)).toThrow(reason);
  });

  it('accepts a percent sign that is written as it must be', () => {
    expect(read(server({ description: '50%%%%' }))[0]?.changes[0]?.value).toBe('50%%%%');
    expect(read(server({ description: '%(slot_name)s' }))[0]?.changes[0]?.value).toBe('%(slot_name)s');
  });
});
