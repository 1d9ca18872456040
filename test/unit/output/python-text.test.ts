import { describe, expect, it } from 'vitest';
import { pythonRepr } from '../../../src/domain/text/python-repr.ts';
import { pythonSet, pythonText } from '../../../src/output/python-text.ts';

describe('pythonRepr', () => {
  it.each([
    ['plain', "'plain'"],
    ["it's", `"it's"`],
    [`it's "q"`, `'it\\'s "q"'`],
    ['a\\b\n\t\r', "'a\\\\b\\n\\t\\r'"],
    ['\u0000\u00a0\u200b', "'\\x00\\xa0\\u200b'"],
    ['é日😀', "'é日😀'"],
    ['\u{e0001}', "'\\U000e0001'"],
  ])('%j', (text, repr) => {
    expect(pythonRepr(text)).toBe(repr);
  });
});

describe('pythonText', () => {
  it.each<[unknown, string]>([
    [true, 'True'],
    [false, 'False'],
    [null, 'None'],
    ['a b', 'a b'],
    [5, '5'],
    [5n, '5'],
    [[''], "['']"],
    [['a', 1, null], "['a', 1, None]"],
    [new Map([['a', 1]]), "{'a': 1}"],
  ])('%o is %s', (value, text) => {
    expect(pythonText(value)).toBe(text);
  });
});

it('names the sets of the configuration', () => {
  expect(pythonSet('RecoveryOptions', new Set())).toBe('RecoveryOptions()');
  expect(pythonSet('BackupOptions', new Set(['a', 'b']))).toBe("BackupOptions({'a', 'b'})");
});
