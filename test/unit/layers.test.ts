/** Imports go down only (docs/architecture.md). */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));
const ORDER = ['domain', 'config', 'adapters', 'catalog', 'operations', 'commands', 'cli', 'clients'];
/** Adapters that other adapters may build on. */
const SHARED_ADAPTERS = new Set(['process.ts', 'files.ts', 'filter.ts']);

interface Edge {
  readonly from: string;
  readonly to: string;
}

function edges(): Edge[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    const targets = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
    return targets.map((target) => ({ from: file, to: relative(src, join(src, dirname(file), target)) }));
  });
}

function isAllowed({ from, to }: Edge): boolean {
  const [source = '', target = ''] = [from.split('/')[0], to.split('/')[0]];
  if (from === 'main.ts') return true;
  if (target === 'output') return source !== 'domain' && source !== 'config';
  if (source === 'output') return target === 'domain';
  // One file each that runs alone: what they load counts.
  if (source === 'clients') return target === 'clients' || target === 'adapters' || target === 'domain';
  if (source !== target) return ORDER.indexOf(target) >= 0 && ORDER.indexOf(target) < ORDER.indexOf(source);
  if (source === 'commands') return false;
  if (source !== 'adapters') return true;
  const [, sourceName = '', targetName = ''] = [null, from.split('/')[1], to.split('/')[1]];
  // postgres.ts and its folder are one adapter.
  return SHARED_ADAPTERS.has(targetName) || sourceName.replace('.ts', '') === targetName.replace('.ts', '');
}

describe('layers', () => {
  it('sees the imports of the tree', () => {
    expect(edges().length).toBeGreaterThan(50);
  });

  it('has no import that goes up or sideways', () => {
    const wrong = edges().filter((edge) => !isAllowed(edge));
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('would see an upward arrow', () => {
    expect(isAllowed({ from: 'domain/lsn.ts', to: 'catalog/catalog.ts' })).toBe(false);
    expect(isAllowed({ from: 'commands/backup.ts', to: 'commands/cron.ts' })).toBe(false);
    expect(isAllowed({ from: 'clients/remote.ts', to: 'config/load.ts' })).toBe(false);
    expect(isAllowed({ from: 'cli/user.ts', to: 'clients/remote.ts' })).toBe(false);
  });
});
