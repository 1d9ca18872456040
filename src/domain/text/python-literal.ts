/**
 * Python literals as `backup.info` holds them: the text form is exactly that of Python's repr(), because both programs
 * rewrite each other's records. Tuples are read as lists. Source: docs/behaviour/catalog.md 3.
 */
import { BackupError } from '../errors.ts';
import { pythonRepr } from './python-repr.ts';

/** The value of a literal. */
export type Literal = null | boolean | number | string | readonly Literal[] | { readonly [key: string]: Literal };

/** Deeper nesting than this is no record of ours, and must not exhaust the stack. */
const MAX_DEPTH = 50;

/** Reads one literal. @throws BackupError for anything that is not one, and for an integer beyond 2^53 */
export function parseLiteral(text: string): Literal {
  const parser = new LiteralParser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

export interface LiteralOptions {
  /** Write whole numbers as Python floats (`5.0`): JavaScript does not know which ones were. */
  readonly wholeAsFloat?: boolean;
}

/** Writes a literal as Python's repr(): `{'a': [1, 2.5, None]}`. */
export function formatLiteral(value: Literal, options: LiteralOptions = {}): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return pythonRepr(value);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && !options.wholeAsFloat ? String(value) : formatFloat(value);
  }
  if (isList(value)) return `[${value.map((item) => formatLiteral(item, options)).join(', ')}]`;
  const items = Object.entries(value).map(([key, item]) => `${pythonRepr(key)}: ${formatLiteral(item, options)}`);
  return `{${items.join(', ')}}`;
}

function isList(value: Literal): value is readonly Literal[] {
  return Array.isArray(value);
}

/** Python's repr() of a float: shortest digits that read back, always with a point or an exponent. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) throw new BackupError(`${value} is not a number that a record can hold`);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(Object.is(value, -0) ? '-0e+0' : value.toExponential());
  const [, sign = '', first = '', rest = '', power = ''] = match ?? [];
  const exponent = Number(power);
  const digits = first + rest;
  if (exponent < -4 || exponent >= 16) {
    const mantissa = rest === '' ? first : `${first}.${rest}`;
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const STRING_START = /[uU]?(['"])/y;
const WORDS: readonly (readonly [string, Literal])[] = [
  ['None', null],
  ['True', true],
  ['False', false],
];

/** A cursor over the text; each method reads one thing and leaves the cursor behind it. */
class LiteralParser {
  private readonly text: string;
  private position = 0;

  constructor(text: string) {
    this.text = text;
  }

  value(depth: number): Literal {
    if (depth > MAX_DEPTH) this.fail('too many brackets');
    this.blanks();
    switch (this.text[this.position]) {
      case '[':
        return this.items(']', depth).values;
      case '(': {
        const { values, comma } = this.items(')', depth);
        const [only] = values;
        return values.length === 1 && only !== undefined && !comma ? only : values;
      }
      case '{':
        return this.dict(depth);
      default:
        return this.scalar();
    }
  }

  /** Nothing but blanks may follow. */
  end(): void {
    this.blanks();
    if (this.position < this.text.length) this.fail('unexpected text');
  }

  private items(close: string, depth: number): { values: Literal[]; comma: boolean } {
    this.position += 1;
    const values: Literal[] = [];
    let comma = false;
    while (!this.skip(close)) {
      if (values.length > 0 && !comma) this.fail(`expected ',' or '${close}'`);
      values.push(this.value(depth + 1));
      comma = this.skip(',');
    }
    return { values, comma };
  }

  private dict(depth: number): Literal {
    this.position += 1;
    const entries: [string, Literal][] = [];
    let comma = true;
    while (!this.skip('}')) {
      if (!comma) this.fail("expected ',' or '}'");
      const key = this.value(depth + 1);
      if (typeof key !== 'string') this.fail('a key that is no text');
      if (!this.skip(':')) this.fail("expected ':'");
      entries.push([key, this.value(depth + 1)]);
      comma = this.skip(',');
    }
    // Unlike an assignment this makes `__proto__` an ordinary key.
    return Object.fromEntries(entries);
  }

  private scalar(): Literal {
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.position)) continue;
      this.position += word.length;
      return value;
    }
    const first = this.string();
    if (first === undefined) return this.number();
    // Neighbouring strings are one string.
    let whole = first;
    for (let next = this.string(); next !== undefined; next = this.string()) whole += next;
    return whole;
  }

  private number(): number {
    NUMBER.lastIndex = this.position;
    const text = NUMBER.exec(this.text)?.[0];
    if (text === undefined) this.fail('no value');
    const value = Number(text);
    const isWhole = /^[+-]?\d+$/.test(text);
    if (!Number.isFinite(value) || (isWhole && !Number.isSafeInteger(value)))
      this.fail(`the number ${text} is too large`);
    this.position += text.length;
    return value;
  }

  private string(): string | undefined {
    this.blanks();
    STRING_START.lastIndex = this.position;
    const start = STRING_START.exec(this.text);
    if (!start) return undefined;
    const quote = start[1] ?? '';
    this.position += start[0].length;
    let result = '';
    for (;;) {
      const character = this.text[this.position];
      if (character === undefined) this.fail('a text without its closing quote');
      this.position += 1;
      if (character === quote) return result;
      result += character === '\\' ? this.escape() : character;
    }
  }

  private escape(): string {
    const character = this.text[this.position] ?? '';
    this.position += 1;
    const simple = UNESCAPES[character];
    if (simple !== undefined) return simple;
    const width = HEX_WIDTHS[character];
    if (width !== undefined) {
      const digits = this.text.slice(this.position, this.position + width);
      const code = Number.parseInt(digits, 16);
      if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length !== width || code > 0x10ffff) this.fail('a bad escape');
      this.position += width;
      return String.fromCodePoint(code);
    }
    const octal = /^[0-7]{1,3}/.exec(this.text.slice(this.position - 1, this.position + 2))?.[0];
    if (octal !== undefined) {
      this.position += octal.length - 1;
      return String.fromCodePoint(Number.parseInt(octal, 8));
    }
    // Python keeps the backslash of an escape that it does not know.
    return `\\${character}`;
  }

  private blanks(): void {
    while (/\s/.test(this.text[this.position] ?? '')) this.position += 1;
  }

  private skip(character: string): boolean {
    this.blanks();
    if (this.text[this.position] !== character) return false;
    this.position += 1;
    return true;
  }

  private fail(what: string): never {
    throw new BackupError(`not a Python literal (${what} at character ${this.position + 1})`);
  }
}

const UNESCAPES: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const HEX_WIDTHS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
