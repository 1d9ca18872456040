/** Help pages, made from the command table. */
import { COMMANDS } from './commands.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts';

/** `usage: barman backup [options] server_name [server_name ...]` */
export function usageLine(command?: CommandSpec): string {
  if (!command) return 'usage: barman [global options] COMMAND [options] [arguments]';
  const options = command.options.length > 0 ? ' [options]' : '';
  return `usage: barman ${command.name}${options}${command.args.map((arg) => ` ${argumentText(arg)}`).join('')}`;
}

function argumentText(arg: ArgumentSpec): string {
  const text = arg.variadic ? `${arg.name} [${arg.name} ...]` : arg.name;
  return arg.optional ? `[${text}]` : text;
}

/** The page of one command, or the general one. `width` is the terminal's columns. */
export function helpText(width: number, command?: CommandSpec): string {
  const lines = command ? commandPage(command, width) : generalPage(width);
  return `${lines.join('\n')}\n`;
}

function generalPage(width: number): string[] {
  const rows = COMMANDS.map((spec): [string, string] => [
    [spec.name, ...(spec.aliases ?? [])].join(', '),
    spec.summary,
  ]);
  return [
    usageLine(),
    '',
    'Backup and recovery manager for PostgreSQL, compatible with Barman 3.20.1.',
    '',
    'commands:',
    ...table(rows, width),
    '',
    'global options (before the command):',
    ...optionRows(GLOBAL_OPTIONS, width),
    '',
    'More about one command: barman COMMAND --help',
  ];
}

function commandPage(command: CommandSpec, width: number): string[] {
  const title = `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`;
  const aliases = command.aliases?.length ? ['', `Also: barman ${command.aliases.join(', barman ')}`] : [];
  const details = (command.details ?? []).flatMap((paragraph) => ['', ...wrap(paragraph, width)]);
  const options = [...command.options, { flags: '-h, --help', help: 'show this page and end' }];
  return [
    usageLine(command),
    '',
    ...wrap(title, width),
    ...details,
    ...aliases,
    '',
    'options:',
    ...optionRows(options, width),
  ];
}

function optionRows(options: readonly OptionSpec[], width: number): string[] {
  return table(
    options.map((option) => [option.flags.replaceAll(/[<>]/g, ''), option.help]),
    width,
  );
}

const LEFT = 28;

function table(rows: readonly (readonly [string, string])[], width: number): string[] {
  return rows.flatMap(([left, right]) => {
    const text = wrap(right, Math.max(width - LEFT - 2, 20));
    const indent = ' '.repeat(LEFT + 2);
    if (left.length >= LEFT) return [`  ${left}`, ...text.map((line) => indent + line)];
    return text.map((line, index) => (index === 0 ? `  ${left.padEnd(LEFT)}${line}` : indent + line));
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
