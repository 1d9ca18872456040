import { array, assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteForRsyncShell, quoteForShell, splitShellWords } from '../../../../src/domain/text/shell-words.ts';

describe('splitShellWords', () => {
  it.each([
    ['ssh postgres@pg', ['ssh', 'postgres@pg']],
    ['  ssh  -p\t22 h ', ['ssh', '-p', '22', 'h']],
    [`ssh -o 'ProxyCommand=nc -X 5 %h %p' h`, ['ssh', '-o', 'ProxyCommand=nc -X 5 %h %p', 'h']],
    ['ssh -o "A=\\"b c\\" \\d" h', ['ssh', '-o', 'A="b c" \\d', 'h']],
    ['ssh a\\ b', ['ssh', 'a b']],
    [`ssh '' ""x`, ['ssh', '', 'x']],
    // No closing quote: as Barman cuts it.
    [`ssh it's h`, ['ssh', `it's`, 'h']],
    ['', []],
    ['  ', []],
  ])('%j', (line, words) => {
    expect(splitShellWords(line)).toEqual(words);
  });

  it('reads back what quoteForShell writes', () => {
    assert(
      property(array(string()), (words) => {
        expect(splitShellWords(words.map(quoteForShell).join(' '))).toEqual(words);
      }),
    );
  });
});

describe('quoteForRsyncShell', () => {
  it('doubles a quote inside', () => {
    expect(quoteForRsyncShell(`a 'b'`)).toBe(`'a ''b'''`);
  });
});
