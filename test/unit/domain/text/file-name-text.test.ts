import { describe, expect, it } from 'vitest';
import { nameText, writableText } from '../../../../src/domain/text/file-name-text.ts';

const binary = (...bytes: number[]) => Buffer.from(bytes).toString('latin1');

describe('file names', () => {
  it.each([
    ['plain', binary(0x61, 0x2f, 0x62), 'a/b'],
    ['UTF-8', binary(0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80), 'é😀'],
    ['a stray byte', binary(0x61, 0xff, 0x62), 'a\udcffb'],
    ['a cut character', binary(0xc3, 0xa9, 0xe2, 0x82), 'é\udce2\udc82'],
  ])('%s', (_what, name, text) => {
    expect(nameText(name)).toBe(text);
    expect(Buffer.from(writableText(text) as string).toString('latin1')).toBe(name);
  });
});
