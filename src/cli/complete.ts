/**
 * `barman __complete WORD...`: what may stand where the cursor is. The scripts of `barman completion` call it with the words
 * behind `barman`, the last one being typed (it may be empty). Prints one candidate a line, with a tab and a description
 * where there is one; `:files` or `:directories` leaves it to the shell. It never says anything else: a configuration that
 * cannot be read has no names.
 */
import { COMMANDS, findCommand } from './commands.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import { modernWords } from './old-spellings.ts';
import type { CommandSpec, OptionSpec } from './spec.ts';
import { findOption, flagNames, globalsBehind, splitAtCommand } from './words.ts';
import type { Names } from './completion-names.ts';

export interface Candidate {
  readonly word: string;
  readonly about?: string;
}

/** Always 0: a shell at its prompt has no use for a failure. */
export async function printCandidates(words: readonly string[]): Promise<number> {
  try {
    const { readNames } = await import('./completion-names.ts');
    const candidates = await complete(words, (config) => readNames(config, process.env));
    process.stdout.write(candidates.map(({ word, about }) => `${word}${about ? `\t${about}` : ''}\n`).join(''));
  } catch {
    // Nothing to offer.
  }
  return 0;
}

/** The candidates that go on from the last word. `open` gets the text of `-c`. */
export async function complete(
  typed: readonly string[],
  open: (config: string | undefined) => Names,
): Promise<readonly Candidate[]> {
  const { words, current, prefix } = atCursor(typed);
  const split = modernWords(splitAtCommand(words));
  const command = split.name === undefined ? undefined : findCommand(split.name);
  if (split.name !== undefined && command === undefined) return [];
  const options = command ? [...command.options, ...globalsBehind(command)] : GLOBAL_OPTIONS;
  const scanned = scan(command ? split.after : split.before, options);
  const config = scanned.config ?? scan(split.before, GLOBAL_OPTIONS).config;
  const found = await candidatesFor({ command, options, current, ...scanned }, open(config));
  return found
    .filter(({ word }) => word.startsWith(current) || word.startsWith(':'))
    .map((candidate) => (candidate.word.startsWith(':') ? candidate : { ...candidate, word: prefix + candidate.word }));
}

interface Cursor {
  /** Undefined before the command. */
  readonly command: CommandSpec | undefined;
  readonly options: readonly OptionSpec[];
  readonly current: string;
  /** The option whose value is being typed. */
  readonly pending: OptionSpec | undefined;
  readonly operands: readonly string[];
  /** Behind `--`. */
  readonly isLiteral: boolean;
}

async function candidatesFor(cursor: Cursor, names: Names): Promise<readonly Candidate[]> {
  const { command, current, options, pending, operands, isLiteral } = cursor;
  if (pending !== undefined) return valuesOf(pending, operands[0], names);
  if (current.startsWith('-') && !isLiteral) {
    const help = command ? [{ flags: '-h, --help', help: 'show the page of this command' }] : [];
    return [...options, ...help].flatMap(({ flags, help: about }) => flagNames(flags).map((word) => ({ word, about })));
  }
  if (command === undefined) return commandWords(current);
  return argumentsOf(command, operands, names);
}

/** An alias only for somebody who types one that no name begins with: the others would stop every Tab at `list-backup`. */
function commandWords(current: string): readonly Candidate[] {
  const names = COMMANDS.map(({ name, summary }) => ({ word: name, about: summary }));
  if (names.some(({ word }) => word.startsWith(current))) return names;
  return COMMANDS.flatMap(({ aliases = [], summary }) => aliases.map((word) => ({ word, about: summary })));
}

async function argumentsOf(
  command: CommandSpec,
  operands: readonly string[],
  names: Names,
): Promise<readonly Candidate[]> {
  const arg = command.args[operands.length] ?? command.args.findLast(({ variadic }) => variadic);
  if (arg?.parse?.words) return arg.parse.words.map((word) => ({ word }));
  switch (arg?.key) {
    case 'serverName':
      return (await names.servers()).map((word) => ({ word }));
    case 'serverNames': {
      const left = (await names.servers()).filter((name) => !operands.includes(name));
      const all = operands.length === 0 ? [{ word: 'all', about: 'every configured server' }] : [];
      return operands.includes('all') ? [] : [...left.map((word) => ({ word })), ...all];
    }
    case 'backupId': {
      const auto = command.name === 'restore' ? [{ word: 'auto', about: 'the newest that fits the target' }] : [];
      return [...(await backupsOf(operands[0], names)), ...auto];
    }
  }
  if (arg?.name.endsWith('_directory')) return [{ word: ':directories' }];
  return arg?.name.includes('tarball') ? [{ word: ':files' }] : [];
}

async function valuesOf(option: OptionSpec, server: string | undefined, names: Names): Promise<readonly Candidate[]> {
  if (option.parse?.words) return option.parse.words.map((word) => ({ word }));
  const placeholder = /[<[](.*?)[>\]]/.exec(option.flags)?.[1];
  if (placeholder === 'FILE' || placeholder === 'PATH') return [{ word: ':files' }];
  if (placeholder === 'DIRECTORY') return [{ word: ':directories' }];
  return placeholder === 'BACKUP_ID' ? backupsOf(server, names) : [];
}

async function backupsOf(server: string | undefined, names: Names): Promise<readonly Candidate[]> {
  if (server === undefined) return [];
  return [
    ...(await names.backups(server)).map((word) => ({ word })),
    { word: 'latest', about: 'the newest that can be restored' },
    { word: 'oldest', about: 'the oldest that can be restored' },
    { word: 'latest-full', about: 'the newest that is not incremental' },
    { word: 'last-failed', about: 'the newest that failed' },
  ];
}

/** bash cuts `--target=full` into three words; the others leave it whole, and want the whole back. */
function atCursor(typed: readonly string[]): { words: readonly string[]; current: string; prefix: string } {
  const words = typed.slice(0, -1);
  const current = typed.at(-1) ?? '';
  if (current === '=') return { words, current: '', prefix: '' };
  if (words.at(-1) === '=') return { words: words.slice(0, -1), current, prefix: '' };
  const glued = /^(--[a-z-]+)=(.*)$/s.exec(current);
  if (glued === null) return { words, current, prefix: '' };
  const [, option = '', value = ''] = glued;
  return { words: [...words, option], current: value, prefix: `${option}=` };
}

type Scanned = Pick<Cursor, 'pending' | 'operands' | 'isLiteral'> & {
  readonly config: string | undefined;
};

function scan(words: readonly string[], options: readonly OptionSpec[]): Scanned {
  const operands: string[] = [];
  let pending: OptionSpec | undefined;
  let config: string | undefined;
  let isLiteral = false;
  const take = (option: OptionSpec, value: string) => {
    if (option.flags.includes('--config')) config = value;
  };
  for (const word of words) {
    if (pending !== undefined && word === '=') continue;
    if (pending !== undefined) {
      take(pending, word);
      pending = undefined;
    } else if (isLiteral || word === '-' || !word.startsWith('-')) operands.push(word);
    else if (word === '--') isLiteral = true;
    else {
      const { option, value } = findOption(word, options);
      if (option === undefined || !option.flags.includes('<')) continue;
      if (value === undefined) pending = option;
      else take(option, value);
    }
  }
  return { pending, operands, config, isLiteral };
}
