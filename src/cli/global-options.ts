/** Options that stand before the command. Source: docs/behaviour/cli.md 1. */
import type { OptionSpec } from './spec.ts';
import { choice } from './values.ts';

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: '-h, --help', help: 'show help and end' },
  { flags: '-v, --version', help: 'show the version and end' },
  {
    flags: '-c, --config <FILE>',
    help: 'configuration file (else BARMAN_CONFIG_FILE, ~/.barman.conf, /etc/barman.conf)',
  },
  {
    flags: '--color, --colour <WHEN>',
    help: 'never, always or auto: colour on a terminal',
    parse: choice('never', 'always', 'auto'),
  },
  {
    flags: '--log-level <LEVEL>',
    help: 'NOTSET, DEBUG, INFO, WARNING, ERROR or CRITICAL for this run',
    parse: choice('NOTSET', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'),
  },
  { flags: '-q, --quiet', help: 'print warnings and errors only' },
  { flags: '-d, --debug', help: 'print debug messages too' },
  { flags: '-f, --format <FORMAT>', help: 'console or json', parse: choice('console', 'json') },
];
