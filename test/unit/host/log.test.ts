/** The log file that people's tools read. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog, parseLogLevel } from '../../../src/host/log.ts';
import { redactSecrets } from '../../../src/domain/conninfo.ts';

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
