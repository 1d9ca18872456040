/**
 * The words of a command line before they mean anything: where the command is, and abbreviated long options.
 * Source: docs/behaviour/cli.md 1.
 */
import { GLOBAL_OPTIONS } from './global-options.ts';
import type { CommandSpec, OptionSpec } from './spec.ts';
import { UsageError } from './usage-error.ts';

export interface SplitWords {
  /** Global options and their values. */
  readonly before: readonly string[];
  readonly name?: string;
  readonly after: readonly string[];
}

/** The command is the first word that is neither a global option nor the value of one. */
export function splitAtCommand(argv: readonly string[]): SplitWords {
  const before: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const word = expandLongOption(argv[index] ?? '', GLOBAL_OPTIONS, undefined);
    if (word === '--') {
      const name = argv[index + 1];
      return { before, ...(name === undefined ? {} : { name }), after: argv.slice(index + 2) };
    }
    if (!word.startsWith('-') || word === '-') return { before, name: word, after: argv.slice(index + 1) };
    before.push(word);
    const value = argv[index + 1];
    if (takesNextWord(word) && value !== undefined) {
      before.push(value);
      index += 1;
    }
  }
  return { before, after: [] };
}

function takesNextWord(word: string): boolean {
  if (word.startsWith('--')) return !word.includes('=') && /^--(config|colou?r|log-level|format)$/.test(word);
  // Bundled short flags: the value is glued unless the letter that takes one comes last.
  return /^-[hvqd]*[cf]$/.test(word);
}

/** `--quie` -> `--quiet`; an exact or unknown word stays. @throws UsageError when it is ambiguous */
export function expandLongOption(
  word: string,
  options: readonly OptionSpec[],
  command: CommandSpec | undefined,
): string {
  if (!word.startsWith('--') || word === '--') return word;
  const [typed = '', ...value] = word.split('=');
  const longs = options.flatMap((option) => longNames(option));
  if (longs.includes(typed)) return word;
  const matches = longs.filter((long) => long.startsWith(typed));
  if (matches.length > 1) {
    throw new UsageError(`ambiguous option: ${word} could match ${matches.join(', ')}`, command);
  }
  return matches[0] === undefined ? word : [matches[0], ...value].join('=');
}

export function longNames(option: OptionSpec): string[] {
  return [...option.flags.matchAll(/--[a-z0-9-]+/g)].map((match) => match[0]);
}

/** `-q, --quiet` -> both names. */
export function flagNames(flags: string): string[] {
  return flags
    .replace(/\s*[<[].*$/, '')
    .split(/,\s*/)
    .map((name) => name.trim());
}

/** The global options that may follow the words of `command`: those of which it has no namesake, short or long. */
export function globalsBehind(command: CommandSpec): readonly OptionSpec[] {
  const taken = new Set([
    '-h',
    '--help',
    '-v',
    '--version',
    ...command.options.flatMap(({ flags }) => flagNames(flags)),
  ]);
  return GLOBAL_OPTIONS.flatMap((option) => {
    const free = flagNames(option.flags).filter((name) => !taken.has(name));
    if (!free.some((name) => name.startsWith('--'))) return [];
    const value = /[<[].*$/.exec(option.flags)?.[0] ?? '';
    return [{ ...option, flags: `${free.join(', ')} ${value}`.trim() }];
  });
}

/** The option that a word names, and the value that is glued to it; a flag in a bundle (`-qf`) counts by its last letter. */
export function findOption(
  word: string,
  options: readonly OptionSpec[],
): { readonly option?: OptionSpec; readonly value?: string } {
  const named = (name: string) => options.find(({ flags }) => flagNames(flags).includes(name));
  if (word.startsWith('--')) {
    const [name = '', ...value] = word.split('=');
    const option = named(name);
    return { ...(option && { option }), ...(value.length > 0 && { value: value.join('=') }) };
  }
  for (let index = 1; index < word.length; index += 1) {
    const option = named(`-${word[index]}`);
    if (option === undefined) return {};
    const value = word.slice(index + 1);
    if (value === '') return { option };
    if (option.flags.includes('<')) return { option, value };
  }
  return {};
}
