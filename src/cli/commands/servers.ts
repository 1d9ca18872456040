/** Commands that look at servers. */
import { type CommandSpec, SERVER_WORDS, SERVERS } from '../spec.ts';
import { choice, nonNegative } from '../values.ts';

export const SERVER_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'help',
    summary: 'show this help',
    args: [],
    options: [],
    load: () => import('../../commands/help.ts'),
  },
  {
    name: 'completion',
    summary: 'print the script that lets a shell complete the words of barman',
    details: [
      'For bash: barman completion bash > /etc/bash_completion.d/barman (or source <(barman completion bash) in ~/.bashrc).',
      'For zsh: barman completion zsh > /usr/local/share/zsh/site-functions/_barman. For fish: barman completion fish > ~/.config/fish/completions/barman.fish.',
    ],
    args: [{ name: 'shell', key: 'shell', parse: choice('bash', 'zsh', 'fish') }],
    options: [],
    standsAlone: true,
    load: () => import('../../commands/completion.ts'),
  },
  {
    name: 'list-servers',
    aliases: ['list-server'],
    summary: 'list the configured servers',
    args: [],
    options: [{ flags: '--minimal', help: 'names only' }],
    load: () => import('../../commands/list-servers.ts'),
  },
  {
    name: 'status',
    summary: 'show the state of a server',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [],
    load: () => import('../../commands/status.ts'),
  },
  {
    name: 'replication-status',
    summary: 'show the streaming clients of a server',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [
      { flags: '--minimal', help: 'one line per client' },
      {
        flags: '--target <KIND>',
        help: 'all (default), hot-standby or wal-streamer',
        parse: choice('all', 'hot-standby', 'wal-streamer'),
      },
      {
        flags: '--source <HOST>',
        help: 'backup-host (default), or wal-host for the host that streams the WAL',
        parse: choice('backup-host', 'wal-host'),
      },
    ],
    load: () => import('../../commands/replication-status.ts'),
  },
  {
    name: 'show-servers',
    aliases: ['show-server'],
    summary: 'show the configuration and the live state of a server',
    details: [SERVER_WORDS],
    args: [SERVERS],
    options: [],
    load: () => import('../../commands/show-servers.ts'),
  },
  {
    name: 'check',
    summary: 'check that a server can be backed up',
    details: [SERVER_WORDS, 'Exit code 1 if an active server fails a check; 2 with --nagios.'],
    args: [SERVERS],
    options: [
      { flags: '--nagios', help: 'one line for Nagios, exit code 0 or 2' },
      { flags: '--check-timeout <SECONDS>', help: 'time limit for each server (0: none)', parse: nonNegative },
    ],
    load: () => import('../../commands/check.ts'),
  },
];
