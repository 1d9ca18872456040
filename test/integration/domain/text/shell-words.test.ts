import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { quoteForShell } from '../../../../src/domain/text/shell-words.ts';

describe('quoteForShell', () => {
  it('brings any word through a real shell', () => {
    const words = ['', 'a b', `it's`, '$(id)', '`id`', 'a\nb', '"', '\\', '*', '~', '-n', 'ü'];
    const line = `printf '%s\\0' ${words.map(quoteForShell).join(' ')}`;
    expect(execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' })).toBe(words.map((word) => `${word}\0`).join(''));
  });
});
