/** Expected texts were checked against Python's own repr(). */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFloat, formatLiteral, parseLiteral, type Literal } from '../../../../src/domain/text/python-literal.ts';

describe('formatFloat', () => {
  it.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [5, '5.0'],
    [1.966701, '1.966701'],
    [0.1, '0.1'],
    [1795228707, '1795228707.0'],
    [1795228542.2930186, '1795228542.2930186'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [0.000015, '1.5e-05'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.5e300, '1.5e+300'],
    [-2.5, '-2.5'],
  ])('%d is %s', (value, text) => expect(formatFloat(value)).toBe(text));

  it('refuses what is no number', () => expect(() => formatFloat(Number.NaN)).toThrow('NaN is not a number'));
});

describe('formatLiteral', () => {
  it.each<[Literal, string]>([
    [null, 'None'],
    [true, 'True'],
    [false, 'False'],
    [16386, '16386'],
    [2.5, '2.5'],
    ['', "''"],
    ['plain', "'plain'"],
    ["it's", '"it\'s"'],
    ['say "x"', '\'say "x"\''],
    ['\'"', "'\\'\"'"],
    ['a\\b\n\t\r', "'a\\\\b\\n\\t\\r'"],
    ['\0\x1b\x7f\x85\xa0', "'\\x00\\x1b\\x7f\\x85\\xa0'"],
    ['é 😀', "'é 😀'"],
    ['\u200b\u2028\ue000\ufeff', "'\\u200b\\u2028\\ue000\\ufeff'"],
    ['\u{e0001}', "'\\U000e0001'"],
    [[], '[]'],
    [['a', 1, null], "['a', 1, None]"],
    [{}, '{}'],
    [{ a: 1, b: { c: [true] } }, "{'a': 1, 'b': {'c': [True]}}"],
  ])('%j', (value, text) => {
    expect(formatLiteral(value)).toBe(text);
    expect(parseLiteral(text)).toEqual(value);
  });

  it('writes whole numbers as floats when told so', () => {
    expect(formatLiteral({ a: 5, b: [1.5, 2] }, { wholeAsFloat: true })).toBe("{'a': 5.0, 'b': [1.5, 2.0]}");
  });
});

describe('parseLiteral', () => {
  it.each<[string, Literal]>([
    ["('a', 1)", ['a', 1]],
    ["('a',)", ['a']],
    ["('a')", 'a'],
    ['(None)', null],
    ['()', []],
    ['[1, 2,]', [1, 2]],
    ["{'a': 1,}", { a: 1 }],
    [' [ 1 , 2 ] ', [1, 2]],
    ["u'x'", 'x'],
    ["'a' 'b' \"c\"", 'abc'],
    [String.raw`'\x41\u00e9\U0001F600\101\a\q'`, 'Aé😀A\x07\\q'],
    ['-12', -12],
    ['+1.5e3', 1500],
    ['.5', 0.5],
    ['5.', 5],
  ])('%s', (text, value) => expect(parseLiteral(text)).toEqual(value));

  it('keeps a key called __proto__ a key', () => {
    const value = parseLiteral("{'__proto__': {'x': 1}}") as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect('x' in value).toBe(false);
  });

  it.each([
    ['', 'no value at character 1'],
    ['Nothing', 'no value at character 1'],
    ["'open", 'a text without its closing quote at character 6'],
    ["'a' x", 'unexpected text at character 5'],
    ['[1 2]', "expected ',' or ']' at character 4"],
    ['[1', "expected ',' or ']' at character 3"],
    ["{'a' 1}", "expected ':' at character 6"],
    ["{'a': 1 'b': 2}", "expected ',' or '}' at character 9"],
    ['{1: 2}', 'a key that is no text at character 3'],
    ["b'x'", 'no value at character 1'],
    [String.raw`'\x4'`, 'a bad escape at character 4'],
    [String.raw`'\U00110000'`, 'a bad escape at character 4'],
    ['99999999999999999999', 'the number 99999999999999999999 is too large at character 1'],
    ['['.repeat(100_000), 'too many brackets at character 52'],
    ["__import__('os')", 'no value at character 1'],
  ])('refuses %.20s', (text, reason) => {
    expect(() => parseLiteral(text)).toThrow(`not a Python literal (${reason})`);
  });

  it('reads back whatever was written', () => {
    const { tree } = fc.letrec<{ tree: Literal }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.string({ unit: 'binary' }),
        fc.array(tie('tree')),
        fc.dictionary(fc.string(), tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const text = formatLiteral(value);
        expect(formatLiteral(parseLiteral(text))).toBe(text);
      }),
    );
  });

  it('never does worse than refuse', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from(`[](){}'"\\xuUN,: 1.e-ab`)) }), (text) => {
        try {
          parseLiteral(text);
        } catch (error) {
          expect(String(error)).toContain('not a Python literal');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
