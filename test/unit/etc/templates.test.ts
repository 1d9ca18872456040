/** The templates in etc/ name every option, and nothing that is no option. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig, readMainFile } from '../../../src/config/load.ts';
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

  it('barman.conf is taken without a word when every line of it is uncommented', () => {
    const home = mkdtempSync(join(tmpdir(), 'barman-etc-'));
    const path = join(home, 'barman.conf');
    // What has no default is an empty value there.
    const text = etc('barman.conf').replace(/^;(?=[a-z][a-z0-9_]* = \S)/gm, '');
    writeFileSync(path, text.replaceAll('/var/lib/barman', home).replaceAll('/etc/barman.d', home));
    const file = readMainFile({ path, env: {} });
    const { warnings, errors, logMessages } = loadConfig(file);
    rmSync(home, { recursive: true });
    expect({ warnings, errors, logMessages: logMessages.filter(({ level }) => level !== 'debug') }).toEqual({
      warnings: [],
      errors: [],
      logMessages: [],
    });
    expect(file.global.logFormat).toBe('%(asctime)s [%(process)s] %(name)s %(levelname)s: %(message)s');
  });
});
