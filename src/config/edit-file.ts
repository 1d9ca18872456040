/**
 * One option of a configuration file changed, everything else left as it is: comments, order, blanks. The result is read
 * again before it is handed out, so that no value can become another option or another section.
 * Source: docs/behaviour/config.md 3 and 11.
 */
import { ConfigError } from '../domain/errors.ts';
import { pythonRepr } from '../domain/text/python-repr.ts';
import { type IniFile, type IniSection, parseIni } from './ini.ts';

/** Where lines of an option or of a section begin and end; `end` is the line behind. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly indent: string;
}

interface Shape {
  /** The last line that sets the option, with the lines that go on with its value. */
  readonly option: Span | undefined;
  /** The last block of the section, without the empty lines at its end; `indent` is that of its last option. */
  readonly section: Span | undefined;
}

/**
 * The text of a file with `key = value` in `[section]`: the line replaced, or added at the end of the section, or the
 * section added at the end of the file. `path` is only for messages.
 * @throws ConfigError when the file cannot be read as a configuration, or the value cannot be written into it
 */
export function withOption(text: string, section: string, key: string, value: string, path: string): string {
  const lines = text.split('\n');
  const { option, section: block } = findOption(lines, section, key);
  const line = (indent: string) => `${indent}${key} = ${value}`;
  let edited: string;
  if (option) edited = spliced(lines, option.start, option.end, [line(option.indent)]);
  else if (block) edited = spliced(lines, block.end, block.end, [line(block.indent)]);
  else edited = `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}[${section}]\n${line('')}\n`;
  prove(text, edited, section, key, value, path);
  return edited;
}

function spliced(lines: readonly string[], start: number, end: number, added: readonly string[]): string {
  const all = [...lines.slice(0, start), ...added, ...lines.slice(end)];
  // A last line without its newline gets one: something may follow it tomorrow.
  if (all.at(-1) !== '') all.push('');
  return all.join('\n');
}

/** The same rules as ini.ts: a line that stands further right than its option goes on with the value. */
function findOption(lines: readonly string[], section: string, key: string): Shape {
  let option: Span | undefined;
  let block: Span | undefined;
  let isInside = false;
  let isOurs = false;
  let indent: string | undefined;
  for (const [index, line] of lines.entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#') || content.startsWith(';')) continue;
    const margin = line.slice(0, line.length - line.trimStart().length);
    if (indent !== undefined && margin.length > indent.length) {
      if (isInside && block) block = { ...block, end: index + 1 };
      if (isOurs && option) option = { ...option, end: index + 1 };
      continue;
    }
    isOurs = false;
    const name = /^\[([^\n]+)\]/.exec(content)?.[1];
    if (name !== undefined) {
      indent = undefined;
      isInside = name === section;
      if (isInside) block = { start: index, end: index + 1, indent: margin };
      continue;
    }
    indent = margin;
    if (!isInside || !block) continue;
    block = { start: block.start, end: index + 1, indent: margin };
    const delimiter = content.search(/[=:]/);
    if (delimiter > 0 && content.slice(0, delimiter).trim().toLowerCase() === key) {
      isOurs = true;
      option = { start: index, end: index + 1, indent: margin };
    }
  }
  return { option, section: block };
}

type Texts = Map<string, Map<string, string>>;

function texts(file: IniFile): Texts {
  const textsOf = (section: IniSection) => new Map([...section].map(([key, { text }]) => [key, text]));
  return new Map([...file].map(([name, values]) => [name, textsOf(values)]));
}

/** Nothing but this option may read otherwise afterwards. */
function prove(before: string, after: string, section: string, key: string, value: string, path: string): void {
  const [expected, edited] = [before, after].map((text) => texts(parseIni(text, path))) as [Texts, Texts];
  const found = edited.get(section)?.get(key);
  // What `%` stands for was resolved by the reading.
  const wanted = value.includes('%') ? (found ?? '') : value.trim();
  expected.set(section, new Map([...(expected.get(section) ?? []), [key, wanted]]));
  const flat = (sections: Texts) =>
    [...sections]
      .flatMap(([name, values]) => [...values].map((entry) => pythonRepr([name, ...entry].join('\n'))))
      .sort();
  if (found === undefined || flat(edited).join() !== flat(expected).join()) {
    throw new ConfigError(
      `'${path}': option '${key}' of [${section}] cannot be written there without changing others`,
      {
        hint: 'edit the file by hand',
      },
    );
  }
}
