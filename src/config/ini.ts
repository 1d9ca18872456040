/**
 * The INI dialect of Barman's files: sections, `=` or `:`, whole-line comments, continuation lines and `%(key)s`.
 * Error texts are the ones administrators know, less the lines and values they quote, which can hold a password, and with the place. Source: docs/behaviour/config.md 3.
 */
import { ConfigError } from '../domain/errors.ts';
import { pythonRepr } from '../domain/text/python-repr.ts';
import { type Origin, placeOf } from './origin.ts';

export interface IniValue {
  /** `%(key)s` resolved once; quotes still there. */
  readonly text: string;
  readonly line: number;
}

export type IniSection = ReadonlyMap<string, IniValue>;
/** Sections in file order; `[DEFAULT]` is already copied into each and `%(key)s` resolved once. */
export type IniFile = ReadonlyMap<string, IniSection>;

/** Blanks as the reference's language sees them: a byte order mark is none. */
const BLANK = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const LEADING_BLANKS = new RegExp(`^${BLANK}*`);
const TRAILING_BLANKS = new RegExp(`${BLANK}+$`);

/** Removes blanks at both ends. */
export function strip(text: string): string {
  return text.replace(LEADING_BLANKS, '').replace(TRAILING_BLANKS, '');
}

/**
 * Reads one file.
 * @throws ConfigError (level exception) for text before the first section, a key without value, a bad `%`
 */
export function parseIni(text: string, file: string): IniFile {
  const raw = parseLines(text, file);
  const defaults = raw.get('DEFAULT') ?? new Map<string, IniValue>();
  const resolved = new Map<string, Map<string, IniValue>>();
  for (const [section, own] of raw) {
    if (section === 'DEFAULT') continue;
    const values = new Map([...defaults, ...own]);
    const textOf = (key: string) => values.get(key)?.text;
    const result = new Map<string, IniValue>();
    for (const [key, { text: original, line }] of values) {
      const place = { section, key, origin: { file, line } };
      const value = interpolate(original, textOf, place);
      rejectStrayPercent(value, place);
      result.set(key, { text: value, line });
    }
    resolved.set(section, result);
  }
  return resolved;
}

const HEADER = /^\[([^\n]+)\]/;

interface Lines {
  readonly line: number;
  readonly parts: string[];
}

function parseLines(text: string, file: string): Map<string, Map<string, IniValue>> {
  const sections = new Map<string, Map<string, Lines>>();
  const badLines: string[] = [];
  let section: Map<string, Lines> | undefined;
  let value: string[] | undefined;
  let indent = 0;
  for (const [index, line] of splitLines(text).entries()) {
    const content = strip(line);
    const isComment = content.startsWith('#') || content.startsWith(';');
    if (content === '' || isComment) {
      // An empty line stays inside a value that goes on below; a comment leaves no trace.
      if (!isComment) value?.push('');
      continue;
    }
    const lineIndent = LEADING_BLANKS.exec(line)?.[0].length ?? 0;
    if (value && lineIndent > indent) {
      value.push(content);
      continue;
    }
    indent = lineIndent;
    const name = HEADER.exec(content)?.[1];
    if (name !== undefined) {
      section = sections.get(name) ?? new Map<string, Lines>();
      sections.set(name, section);
      value = undefined;
      continue;
    }
    if (!section) {
      throw failure(`File contains no section headers.\nfile: ${pythonRepr(file)}, line: ${index + 1}`, SHAPE);
    }
    const delimiter = content.search(/[=:]/);
    if (delimiter <= 0) badLines.push(`\n\t[line ${String(index + 1).padStart(2)}]`);
    if (delimiter < 0) continue;
    // Nothing continues a value without a key.
    if (delimiter === 0) {
      value = undefined;
      continue;
    }
    value = [strip(content.slice(delimiter + 1))];
    section.set(strip(content.slice(0, delimiter)).toLowerCase(), { line: index + 1, parts: value });
  }
  if (badLines.length > 0)
    throw failure(`Source contains parsing errors: ${pythonRepr(file)}${badLines.join('')}`, SHAPE);
  return joinValues(sections);
}

/** Lines with their newline, which is `\n` whatever the file has. */
function splitLines(text: string): string[] {
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const last = lines.pop();
  const whole = lines.map((line) => `${line}\n`);
  return last ? [...whole, last] : whole;
}

function joinValues(sections: Map<string, Map<string, Lines>>): Map<string, Map<string, IniValue>> {
  const joined = new Map<string, Map<string, IniValue>>();
  for (const [name, keys] of sections) {
    const values = new Map<string, IniValue>();
    for (const [key, { line, parts }] of keys) {
      values.set(key, { line, text: parts.join('\n').replace(TRAILING_BLANKS, '') });
    }
    joined.set(name, values);
  }
  return joined;
}

const REFERENCE = /^%\(([^)]+)\)s/;
const MAX_DEPTH = 10;

/** Whose value it is; `origin` is unset for one that is in no file yet. */
export interface ValuePlace {
  readonly section: string;
  readonly key: string;
  readonly origin?: Origin | undefined;
}

/**
 * Resolves `%(other)s` and `%%` in a value, with the keys of the same section.
 * @throws ConfigError (level exception)
 */
export function interpolate(original: string, textOf: (key: string) => string | undefined, place: ValuePlace): string {
  return original.includes('%') ? expand(original, 1) : original;

  function expand(value: string, depth: number): string {
    if (depth > MAX_DEPTH) {
      throw failure(
        `Recursion limit exceeded in value substitution: ${optionAt(place)} cannot be substituted in ${MAX_DEPTH} steps`,
      );
    }
    let result = '';
    let rest = value;
    for (;;) {
      const percent = rest.indexOf('%');
      if (percent < 0) return result + rest;
      result += rest.slice(0, percent);
      rest = rest.slice(percent);
      if (rest[1] === '%') {
        result += '%';
        rest = rest.slice(2);
        continue;
      }
      if (rest[1] !== '(') throw failure(`'%' must be followed by '%' or '(': ${optionAt(place)}`, PERCENT);
      const match = REFERENCE.exec(rest);
      if (!match) throw failure(`bad interpolation variable reference: ${optionAt(place)}`, PERCENT);
      const other = textOf((match[1] ?? '').toLowerCase());
      if (other === undefined) {
        throw failure(
          `Bad value substitution: ${optionAt(place)} contains an interpolation key which is not a valid option name`,
          PERCENT,
        );
      }
      result += other.includes('%') ? expand(other, depth + 1) : other;
      rest = rest.slice(match[0].length);
    }
  }
}

/** What one resolution left must itself be well formed: it is resolved once more when it is used. */
function rejectStrayPercent(value: string, place: ValuePlace): void {
  if (!value.includes('%')) return;
  const position = value
    .replaceAll('%%', '')
    .replace(/%\([^)]+\)s/g, '')
    .indexOf('%');
  if (position >= 0) {
    throw failure(`invalid interpolation syntax at position ${position}: ${optionAt(place)}`, PERCENT);
  }
}

function optionAt({ section, key, origin }: ValuePlace): string {
  const where = origin === undefined ? '' : ` (${placeOf(origin)})`;
  return `option ${pythonRepr(key)} in section ${pythonRepr(section)}${where}`;
}

const PERCENT = 'write each percent sign of a value four times: %%%%';
const SHAPE = 'a line is a [section], option = value, a # comment, or the indented rest of the value above it';

function failure(message: string, hint?: string): ConfigError {
  return new ConfigError(message, { level: 'exception', ...(hint === undefined ? {} : { hint }) });
}
