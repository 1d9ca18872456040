/** systemd accepts our units. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const units = fileURLToPath(new URL('../../etc/systemd', import.meta.url));

describe('systemd units', () => {
  it.each(['barman-receive-wal@pg.service', 'barman-backup@pg.service', 'barman-backup@pg.timer'])('%s', (instance) => {
    const folder = mkdtempSync(join(tmpdir(), 'barman-units-'));
    try {
      cpSync(units, folder, { recursive: true });
      const template = instance.replace('@pg', '@');
      cpSync(join(folder, template), join(folder, instance));
      const result = spawnSync('systemd-analyze', ['verify', '--man=no', join(folder, instance)], { encoding: 'utf8' });
      // Only what it says of our files counts: a container's own units may be wanting.
      const complaints = result.stderr.split('\n').filter((line) => line.includes('barman-'));
      expect(complaints).toEqual([]);
      expect(result.error).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
