/** The log file that people's tools read. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog, parseLogLevel } from '../../../src/host/log.ts';
import { redactSecrets } from '../../../src/domain/redaction.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-log-'));
  file = join(folder, 'deep', 'barman.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (level: number, format: string | null = null) => openLog({ file, level, format, redact: redactSecrets });
const LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[(\d+)\] (\S+) ([A-Z]+): (.*)$/;

describe('log file', () => {
  it("writes Barman's lines at once, in a file that only its owner reads", () => {
    const log = open(20);
    log.named('barman.server').info('first');
    log.named('barman.backup').error('second', 'Error: stack\n    at somewhere');
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(LINE.exec(lines[0] ?? '')?.slice(1)).toEqual([String(process.pid), 'barman.server', 'INFO', 'first']);
    expect(LINE.exec(lines[1] ?? '')?.slice(2)).toEqual(['barman.backup', 'ERROR', 'second']);
    expect(lines.slice(2)).toEqual(['Error: stack', '    at somewhere', '']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('leaves out what is below its level', () => {
    const log = open(30);
    log.info('no');
    log.debug('no');
    log.warning('yes');
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(1);
  });

  it('never holds a password', () => {
    open(10).error("host=h password='s3 cret'", 'at postgresql://u:s3cret@h/');
    expect(readFileSync(file, 'utf8')).not.toMatch(/s3/);
  });

  it('goes on in a new file after logrotate moved the old one', () => {
    const log = open(20);
    log.info('old');
    renameSync(file, `${file}.1`);
    log.info('new');
    expect(readFileSync(file, 'utf8')).toMatch(/INFO: new\n$/);
    expect(readFileSync(`${file}.1`, 'utf8')).toMatch(/INFO: old\n$/);
  });

  it('follows log_format', () => {
    open(20, '%(levelname)s %(name)s %(message)s %(nosuch)s').named('barman.x').info('hello');
    expect(readFileSync(file, 'utf8')).toBe('INFO barman.x hello %(nosuch)s\n');
  });

  it('takes a text as it is: line ends, percent signs, quotes, what is no character', () => {
    const text = 'a "b" %s %% %(name)s {0}\r\n\ttabbed \\n \u0001 \ud800 ü $& $1';
    open(20, '%(message)s').info(text);
    expect(readFileSync(file, 'utf8')).toBe(`${text.replace('\ud800', '\ufffd')}\n`);
  });
});

describe('log_format = json', () => {
  const records = () =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('writes one object on each line, at once', () => {
    const log = open(20, 'json');
    log.debug('below the level');
    log.named('barman.cli').warning('two\nlines %s');
    log.named('barman.backup').error('failed', 'Error: stack\n    at somewhere');
    const [first, second, ...more] = records();
    expect(more).toEqual([]);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    const { pid } = process;
    expect(first).toEqual({ level: 'WARNING', time, pid, name: 'barman.cli', msg: 'two\nlines %s' });
    const stack = 'Error: stack\n    at somewhere';
    expect(second).toEqual({ level: 'ERROR', time, pid, name: 'barman.backup', stack, msg: 'failed' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('holds no password, and goes on after logrotate', () => {
    const log = open(10, ' JSON ');
    log.error("host=h password='s3 cret'", 'at postgresql://u:s3cret@h/');
    expect(readFileSync(file, 'utf8')).not.toMatch(/s3/);
    renameSync(file, `${file}.1`);
    log.info('new');
    expect(records()).toMatchObject([{ msg: 'new' }]);
  });
});

describe('log_level', () => {
  it.each([
    ['INFO', 20],
    ['debug', 10],
    ['Critical', 50],
    ['35', 35],
    ['NOTSET', 0],
    ['FOO', undefined],
  ])('%s', (text, level) => expect(parseLogLevel(text)).toBe(level));
});
