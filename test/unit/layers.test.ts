/** Who may import whom: the rooms of docs/architecture.md. Type-only and dynamic imports count like all others. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** From the ground up. A room imports from those in the lines above its own; rooms of one line do not know each other. */
const FLOORS = [
  ['domain'],
  ['output'],
  ['config'],
  ['host'],
  ['codec', 'postgres', 'transfer'],
  ['storage'],
  ['catalog'],
  ['server'],
  ['wal'],
  ['backup', 'checks', 'exchange', 'maintenance', 'passive', 'report', 'restore'],
  ['commands'],
  ['cli', 'programs'],
] as const;

/** What a verb may take from its neighbour, file by file: never a circle. */
const DOORS: readonly string[] = [
  'backup -> checks/run.ts',
  'backup -> exchange/manifest/generate.ts',
  'exchange -> report/backup-files.ts',
  'maintenance -> backup/repair.ts',
  'maintenance -> exchange/import/publish.ts',
  'maintenance -> restore/stage.ts',
  'passive -> report/backup-statistics.ts',
];

/** What of the room wal the verbs may know; the rest of it belongs to its own commands. */
const WAL_DOORS: readonly string[] = [
  'wal/archive/archive.ts',
  'wal/content/content.ts',
  'wal/content/foreign.ts',
  'wal/content/judge.ts',
  'wal/delete-hooks.ts',
  'wal/receive/start.ts',
  'wal/settle-backup.ts',
  'wal/timeline-histories.ts',
  'wal/wait.ts',
];

interface Edge {
  readonly from: string;
  readonly to: string;
}

function edges(): Edge[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    const targets = [...text.matchAll(/(?:from|import|import\()\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
    return targets.map((target) => ({ from: file, to: relative(src, join(src, dirname(file), target)) }));
  });
}

const roomOf = (file: string) => file.split('/')[0] ?? '';
const floorOf = (room: string) => FLOORS.findIndex((rooms) => (rooms as readonly string[]).includes(room));

function isAllowed({ from, to }: Edge): boolean {
  const [source, target] = [roomOf(from), roomOf(to)];
  if (from === 'main.ts') return true;
  if (floorOf(source) < 0 || floorOf(target) < 0) return false;
  // A command is data and a body: none knows another.
  if (source === target) return source !== 'commands';
  // One file each that runs alone on the database host: what they load counts.
  if (source === 'programs') return ['codec', 'postgres', 'host', 'domain'].includes(target);
  if (DOORS.includes(`${source} -> ${to}`)) return true;
  if (floorOf(target) >= floorOf(source)) return false;
  const isVerb = floorOf(source) === floorOf('backup');
  return target !== 'wal' || !isVerb || WAL_DOORS.includes(to);
}

/** The rooms, or files, that lead back to themselves. */
function circles(arrows: readonly (readonly [string, string])[]): string[] {
  const next = (room: string) => arrows.filter(([from]) => from === room).map(([, to]) => to);
  const reached = (start: string) => {
    const seen = new Set<string>();
    const queue = next(start);
    for (let room = queue.pop(); room !== undefined; room = queue.pop()) {
      if (seen.has(room)) continue;
      seen.add(room);
      queue.push(...next(room));
    }
    return seen;
  };
  return [...new Set(arrows.map(([from]) => from))].filter((room) => reached(room).has(room));
}

describe('rooms', () => {
  const all = edges();

  it('sees the imports of the tree', () => {
    expect(all.length).toBeGreaterThan(1000);
  });

  it('has no import that goes up or sideways', () => {
    const wrong = all.filter((edge) => !isAllowed(edge));
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('has no circle between rooms', () => {
    const arrows = all.map(({ from, to }) => [roomOf(from), roomOf(to)] as const).filter(([from, to]) => from !== to);
    expect(circles(arrows)).toEqual([]);
  });

  it('has no circle between files', () => {
    expect(circles(all.map(({ from, to }) => [from, to] as const))).toEqual([]);
  });

  it('names no door that nobody uses', () => {
    const used = (door: string) => all.some(({ from, to }) => door === `${roomOf(from)} -> ${to}`);
    expect(DOORS.filter((door) => !used(door))).toEqual([]);
    expect(WAL_DOORS.filter((door) => !all.some(({ from, to }) => to === door && roomOf(from) !== 'wal'))).toEqual([]);
  });

  it('would see an upward arrow, a sideways one and a circle', () => {
    expect(isAllowed({ from: 'domain/wal/lsn.ts', to: 'catalog/catalog.ts' })).toBe(false);
    expect(isAllowed({ from: 'commands/backup.ts', to: 'commands/cron.ts' })).toBe(false);
    expect(isAllowed({ from: 'programs/remote.ts', to: 'config/load.ts' })).toBe(false);
    expect(isAllowed({ from: 'cli/user.ts', to: 'programs/remote.ts' })).toBe(false);
    expect(isAllowed({ from: 'backup/run.ts', to: 'restore/run.ts' })).toBe(false);
    expect(isAllowed({ from: 'restore/run.ts', to: 'wal/receive/receive.ts' })).toBe(false);
    expect(
      circles([
        ['a', 'b'],
        ['b', 'c'],
        ['c', 'a'],
        ['c', 'd'],
      ]),
    ).toEqual(['a', 'b', 'c']);
  });
});
