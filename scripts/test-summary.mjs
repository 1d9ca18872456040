// Prints vitest's totals as `N passed, N failed, N skipped`, and fails when nothing ran.
import { readFileSync } from 'node:fs';

const escape = String.fromCharCode(27);
const text = readFileSync(process.argv[2], 'utf8').replaceAll(new RegExp(`${escape}\\[[0-9;]*m`, 'g'), '');
const line = /^\s*Tests\s+(.*)$/m.exec(text)?.[1] ?? '';
const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
