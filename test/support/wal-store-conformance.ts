/** What every WAL store does, whatever holds its files. `plant` puts things there behind its back. */
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WalError } from '../../src/domain/errors.ts';
import { parseWalName, type WalFile } from '../../src/domain/wal/wal.ts';
import type { Misplaced, NewWal, WalStore } from '../../src/storage/wal-store.ts';

export interface TestStore {
  readonly store: WalStore;
  /** Another view of the same store, as another process has it. */
  again(): WalStore;
  /** What a store of this kind cannot hold is not planted: false. */
  plant(name: string, what: 'link' | 'directory' | 'special'): Promise<boolean>;
  /** Puts a file where none belongs, and what a killed writer leaves of `name`. */
  litter(name: string): Promise<void>;
  dispose(): void;
}

const A = '00000001000000000000000A';
const B = '00000001000000000000000B';
const NO_NAMES = ['', '..', '../x', '../../etc/passwd', `${A}/../x`, `${A}.tmp`, 'xlog.db'];
/** Seconds, with a fraction. */
const TIME = 1_795_228_542.5;

export function describeWalStore(kind: string, makeStore: () => TestStore): void {
  describe(`WAL store: ${kind}`, () => {
    let test: TestStore;
    let store: WalStore;
    let outside: string;
    const handles: FileHandle[] = [];

    beforeEach(() => {
      test = makeStore();
      store = test.store;
      outside = mkdtempSync(join(tmpdir(), 'barman-store-'));
    });
    afterEach(async () => {
      for (const handle of handles.splice(0)) await handle.close();
      test.dispose();
      rmSync(outside, { recursive: true, force: true });
    });

    /** A file that waits outside to be stored: as it is, or as other bytes. */
    const waiting = async (name: string, text: string, stored?: string): Promise<NewWal> => {
      const path = join(outside, name);
      // One that was stored as it is may be the stored file itself.
      rmSync(path, { force: true });
      writeFileSync(path, text, { mode: 0o640 });
      utimesSync(path, TIME, TIME);
      const handle = await open(path, 'r');
      handles.push(handle);
      const write = async (target: FileHandle) => target.writeFile(stored ?? text);
      const stats = await handle.stat({ bigint: true });
      return { name, source: { handle, path, stats }, isSource: stored === undefined, write };
    };
    const publish = async (name: string, text: string, stored?: string) => {
      const prepared = await store.writer().prepare(await waiting(name, text, stored));
      const published = await prepared.publish();
      await store.flush([name]);
      return published;
    };
    const textOf = async (name: string, from = test.again()) => {
      const found = await from.open(name);
      if (found === undefined || found === 'no file') return found;
      try {
        return await found.handle.readFile('utf8');
      } finally {
        await found.handle.close();
      }
    };
    const names = async (options: Parameters<WalStore['list']>[0] = {}) => {
      const listed: string[] = [];
      for await (const { name } of store.list(options)) listed.push(name);
      return listed;
    };

    it('is empty at first', async () => {
      expect(await names()).toEqual([]);
      expect([...(await store.lastOfTimelines())]).toEqual([]);
      expect(await store.has(A)).toBe(false);
      expect(await store.facts(A)).toBeUndefined();
      expect(await store.describe(A)).toBeUndefined();
      expect(await store.open(A)).toBeUndefined();
    });

    describe.each([
      ['as it is', undefined],
      ['as something else', 'packed'],
    ] as const)('publishing a file %s', (_, stored) => {
      const content = stored ?? 'plain';

      it('makes it appear whole, with its time, and leaves the source', async () => {
        const prepared = await store.writer().prepare(await waiting(A, 'plain', stored));
        expect(await test.again().has(A)).toBe(false);
        expect(await names()).toEqual([]);
        expect((await prepared.publish()).size).toBe(content.length);
        await store.flush([A]);
        await prepared.discard();
        expect(await textOf(A)).toBe(content);
        expect(await test.again().describe(A)).toEqual({
          name: A,
          size: content.length,
          time: TIME,
          compression: null,
          encryption: null,
        });
        expect(await store.facts(A)).toMatchObject({ isFile: true, size: content.length, mtimeMs: TIME * 1000 });
        expect(readFileSync(join(outside, A), 'utf8')).toBe('plain');
      });

      it('never replaces what is there, be it the same or not', async () => {
        await publish(A, 'plain', stored);
        for (const text of ['plain', 'other']) {
          const late = await store.writer().prepare(await waiting(A, text, stored === undefined ? stored : text));
          await expect(late.publish()).rejects.toMatchObject({ code: 'EEXIST' });
          await late.discard();
          expect(await textOf(A)).toBe(content);
        }
        expect(await names()).toEqual([A]);
      });

      it('is all or nothing: what is discarded leaves nothing', async () => {
        const prepared = await store.writer().prepare(await waiting(A, 'plain', stored));
        await prepared.discard();
        const misplaced: Misplaced[] = [];
        expect(await names({ onMisplaced: (thing) => misplaced.push(thing) })).toEqual([]);
        expect(misplaced).toEqual([]);
        await publish(A, 'plain', stored);
        expect(await textOf(A)).toBe(content);
      });
    });

    it('leaves nothing of content that cannot be written', async () => {
      const write = async (target: FileHandle) => {
        await target.writeFile('half');
        throw new WalError('the codec broke');
      };
      const broken = { ...(await waiting(A, 'plain', 'packed')), write };
      await expect(store.writer().prepare(broken)).rejects.toThrow('the codec broke');
      const misplaced: Misplaced[] = [];
      await names({ onMisplaced: (thing) => misplaced.push(thing) });
      expect(misplaced).toEqual([]);
      expect(await store.has(A)).toBe(false);
    });

    it('a writer knows what is there, what it published and what it took out', async () => {
      await publish(A, 'one');
      const writer = store.writer();
      expect([await writer.has(A), await writer.has(B)]).toEqual([true, false]);
      await (await writer.prepare(await waiting(B, 'two'))).publish();
      expect(await writer.has(B)).toBe(true);
      const moved = await writer.takeOut(A, async (path) => {
        const text = readFileSync(path, 'utf8');
        rmSync(path);
        return text;
      });
      expect(moved).toBe('one');
      expect([await writer.has(A), await store.has(A)]).toEqual([false, false]);
      await (await writer.prepare(await waiting(A, 'better', 'best'))).publish();
      expect(await textOf(A)).toBe('best');
    });

    it('a writer removes what a killed one left, and lists nothing of it', async () => {
      await publish(B, 'two');
      await test.litter(A);
      expect(await names()).toEqual([B]);
      const writer = store.writer();
      expect(await writer.has(A)).toBe(false);
      const temporary: Misplaced[] = [];
      await names({ onMisplaced: (thing) => thing.reason === 'temporary' && temporary.push(thing) });
      expect(temporary).toEqual([]);
      expect(await textOf(B)).toBe('two');
    });

    it('publishes into a log whose last file was removed meanwhile', async () => {
      await publish(A, 'one');
      const writer = store.writer();
      expect(await writer.has(A)).toBe(true);
      const prepared = await writer.prepare(await waiting(B, 'two'));
      const removal = store.removal();
      await removal.remove(A);
      await removal.settle();
      await prepared.publish();
      expect(await textOf(B)).toBe('two');
    });

    it('adopts a complete file if nothing has its name', async () => {
      const { source } = await waiting(A, 'one');
      expect(await store.adopt(A, source.path)).toBe(true);
      await store.flush([A]);
      writeFileSync(join(outside, 'other'), 'other');
      expect(await store.adopt(A, join(outside, 'other'))).toBe(false);
      expect(await store.adopt(A, source.path)).toBe(false);
      expect(await textOf(A)).toBe('one');
      expect((await store.describe(A))?.time).toBe(TIME);
    });

    it.each(['link', 'directory', 'special'] as const)('a %s in place of a file is no file', async (what) => {
      if (!(await test.plant(A, what))) return;
      expect(await store.has(A)).toBe(true);
      expect(await store.facts(A)).toMatchObject({ isFile: false });
      expect(await store.describe(A)).toBeUndefined();
      expect(await store.open(A)).toBe('no file');
      const misplaced: Misplaced[] = [];
      expect(await names({ onMisplaced: (thing) => misplaced.push(thing) })).toEqual([]);
      expect(misplaced).toEqual([{ name: A, location: store.locate(A), reason: what }]);
      const writer = store.writer();
      expect(await writer.has(A)).toBe(true);
      const late = await writer.prepare(await waiting(A, 'plain', 'packed'));
      await expect(late.publish()).rejects.toMatchObject({ code: 'EEXIST' });
    });

    it('lists segments, labels and history files in the order of an index', async () => {
      const all = [
        '000000010000000000000001',
        '000000010000000000000001.00000028.backup',
        '0000000100000000000000FF',
        '000000010000000100000000',
        '00000002.history',
        '000000020000000100000000',
      ];
      for (const name of all.toReversed()) await publish(name, name);
      await publish('000000020000000100000001.partial', 'partial');
      const misplaced: string[] = [];
      const listed = await names({ onMisplaced: ({ name, reason }) => misplaced.push(`${reason} ${name}`) });
      expect(listed).toEqual(all);
      expect(misplaced).toEqual(['file 000000020000000100000001.partial']);
      expect([...(await store.lastOfTimelines())]).toEqual([
        [1, '000000010000000100000000'],
        [2, '000000020000000100000000'],
      ]);
      const between = { begin: file('0000000100000000000000FF'), end: file('000000010000000100000000') };
      expect(await names({ between })).toEqual(['0000000100000000000000FF', '000000010000000100000000']);
    });

    it('removes what is named, and nothing else', async () => {
      for (const name of [A, B, '000000010000000100000000']) await publish(name, name);
      const removal = store.removal();
      expect(await Promise.all([A, '000000010000000100000000'].map((name) => removal.remove(name)))).toEqual([
        true,
        true,
      ]);
      await removal.settle();
      expect(await names()).toEqual([B]);
      expect(await test.again().has(A)).toBe(false);
    });

    it('to remove what is gone is no failure', async () => {
      await publish(A, 'one');
      const removal = store.removal();
      expect([await removal.remove(B), await removal.remove(A), await removal.remove(A)]).toEqual([false, true, false]);
      await removal.settle();
      await store.removal().settle();
      expect(await names()).toEqual([]);
    });

    it.each(NO_NAMES)('refuses the name %j everywhere', async (name) => {
      const wrong = new WalError(`invalid WAL segment name '${name}'`);
      expect(() => store.locate(name)).toThrow(wrong);
      expect(() => store.localPath(name)).toThrow(wrong);
      const writer = store.writer();
      const wal = { ...(await waiting(A, 'one')), name };
      const attempts = [
        () => store.has(name),
        () => store.facts(name),
        () => store.describe(name),
        () => store.open(name),
        () => store.adopt(name, wal.source.path),
        () => store.flush([name]),
        () => writer.has(name),
        () => writer.prepare(wal),
        () => writer.takeOut(name, async () => expect.unreachable()),
        () => store.removal().remove(name),
      ];
      for (const attempt of attempts) await expect(attempt()).rejects.toThrow(wrong);
      expect(await names()).toEqual([]);
    });
  });
}

function file(name: string): WalFile {
  const parsed = parseWalName(name);
  if (parsed === undefined) throw new Error(`'${name}' is no WAL name`);
  return parsed;
}
