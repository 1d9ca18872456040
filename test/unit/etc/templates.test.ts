/** The templates in etc/ name every option, and nothing that is no option. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPTIONS } from '../../../src/config/options.ts';

const etc = (name: string) => readFileSync(fileURLToPath(new URL(`../../../etc/${name}`, import.meta.url)), 'utf8');
const namesIn = (text: string) =>
  new Set([...text.matchAll(/^;?([a-z][a-z0-9_]*)\s*=/gm)].map((match) => match[1] ?? ''));

const GLOBAL_ONLY = [
  'barman_user',
  'barman_home',
  'configuration_files_directory',
  'log_file',
  'log_level',
  'log_format',
  'barman_lock_directory',
  'lock_directory_cleanup',
  'config_changes_queue',
];
const main = namesIn(etc('barman.conf'));

describe('etc templates', () => {
  it('barman.conf shows every option that servers inherit', () => {
    const inherited = Object.entries(OPTIONS).filter(([, option]) => option.scopes.startsWith('G'));
    expect([...main].sort()).toEqual([...GLOBAL_ONLY, ...inherited.map(([name]) => name)].sort());
  });

  it.each(['barman.d/streaming-server.conf-template', 'barman.d/rsync-server.conf-template'])(
    '%s shows the rest',
    (file) => {
      const shown = namesIn(etc(file));
      const known = Object.keys(OPTIONS);
      expect([...shown].filter((name) => !known.includes(name))).toEqual([]);
      const own = Object.entries(OPTIONS).filter(
        ([, option]) => !option.scopes.startsWith('G') && option.scopes !== 'M',
      );
      const elsewhere = new Set(['ssh_command', 'streaming_conninfo']);
      expect(own.map(([name]) => name).filter((name) => !shown.has(name) && !elsewhere.has(name))).toEqual([]);
    },
  );
});
