/** The log's file when it cannot be written: nothing fails, it is told once, and lines come again. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LogFile } from '../../../src/host/log-file.ts';

let folder: string;
let file: string;
let told: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-log-'));
  file = join(folder, 'barman.log');
  told = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (restMs = 0) =>
  new LogFile(file, {
    gapLine: (lost, reason) => `${lost} missing (${reason})\n`,
    tell: (text) => told.push(text),
    restMs,
  });
const written = () => readFileSync(file, 'utf8');
const NOTICE = (reason: string) =>
  `WARNING: cannot write the log file '${file}': ${reason}. The work goes on, and the log as soon as it can.\n`;

/** The device that is always full, by the name of the log. */
function fill(): void {
  rmSync(file, { recursive: true, force: true });
  symlinkSync('/dev/full', file);
}

it('tells a full disk once, and says in the file how many lines are missing when there is room again', () => {
  const log = open();
  log.write('one\n');
  fill();
  for (const line of ['two\n', 'three\n']) log.write(line);
  expect(told).toEqual([NOTICE('No space left on device')]);
  unlinkSync(file);
  log.write('four\n');
  fill();
  log.write('five\n');
  expect(told).toHaveLength(1);
  unlinkSync(file);
  log.write('six\n');
  expect(written()).toBe('1 missing (No space left on device)\nsix\n');
});

it('says what is missing in front of the first line that fits', () => {
  fill();
  const log = open();
  for (const line of ['one\n', 'two\n', 'three\n']) log.write(line);
  unlinkSync(file);
  log.write('four\n');
  log.write('five\n');
  expect(written()).toBe('3 missing (No space left on device)\nfour\nfive\n');
});

it('leaves a file that takes no line alone for a while', () => {
  fill();
  const log = open(60_000);
  log.write('one\n');
  unlinkSync(file);
  log.write('two\n');
  expect(() => written()).toThrow('ENOENT');
});

it('makes a folder again that vanished', () => {
  file = join(folder, 'deep', 'er', 'barman.log');
  const log = open();
  log.write('one\n');
  rmSync(join(folder, 'deep'), { recursive: true });
  log.write('two\n');
  expect([written(), told]).toEqual(['two\n', []]);
});

it('goes on when logrotate leaves something that cannot be written', () => {
  const log = open();
  log.write('one\n');
  renameSync(file, `${file}.1`);
  mkdirSync(file);
  log.write('two\n');
  expect(told).toEqual([NOTICE('Illegal operation on a directory')]);
  rmSync(file, { recursive: true });
  writeFileSync(file, '');
  log.write('three\n');
  expect(written()).toBe('1 missing (Illegal operation on a directory)\nthree\n');
});

it('gives the lines to standard error until the file can be opened for the first time', () => {
  mkdirSync(file);
  const log = open();
  expect(log.isReplaced).toBe(true);
  log.write('one\n');
  rmSync(file, { recursive: true });
  log.write('two\n');
  expect([told, written(), log.isReplaced]).toEqual([['one\n'], 'two\n', false]);
});
