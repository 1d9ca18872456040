/** docs/exit-codes.md names every code that is written in src. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/exit-codes.md'), 'utf8');

/** Places in which a number is an exit code. */
const CODES = [
  /process\.exit\((\d+)\)/g,
  /process\.exitCode = (\d+)/g,
  /exitCode: (\d+)/g,
  /\bSIG[A-Z]+: (\d+)/g,
  /^const (?:CANNOT|STOP)\w* = (\d+)/gm,
  /new RestoreFailure\((?:[^;]*), (\d+)\)/g,
  /^ +return ([1-9]\d*);$/gm,
];

function codesIn(paths: readonly string[]): string[] {
  const texts = paths.map((path) => readFileSync(path, 'utf8'));
  const found = texts.flatMap((text) =>
    CODES.flatMap((pattern) => [...text.matchAll(pattern)].map(([, code]) => code)),
  );
  return [...new Set(found as string[])];
}

function filesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, folder, name));
}

/** Codes in the first cells of the tables between a heading and the next one. */
function codesOnPage(...titles: readonly string[]): string[] {
  return titles.flatMap((title) => {
    const part = PAGE.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
    return [...part.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell]) => cell?.match(/\d+/g) ?? []);
  });
}

it.each([
  ['barman', ['barman'], [join(ROOT, 'src/main.ts'), ...filesOf('src/commands'), ...filesOf('src/output')]],
  ['the programs of the database host', ['barman-wal-archive', 'barman-wal-restore'], filesOf('src/programs')],
])('%s', (_, titles, paths) => {
  const written = codesIn(paths);
  expect(written.length).toBeGreaterThan(2);
  const told = codesOnPage(...titles);
  expect(written.filter((code) => !told.includes(code))).toEqual([]);
});
