import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { openChecks } from '../../../../src/checks/scope.ts';
import { checkForeignWal } from '../../../../src/checks/wal-archive.ts';
import { run as rebuild } from '../../../../src/commands/rebuild-xlogdb.ts';
import type { CheckResult } from '../../../../src/domain/check-result.ts';
import { measureCoverage } from '../../../../src/report/coverage.ts';
import { findForeign } from '../../../../src/wal/content/foreign.ts';
import { segmentName, SYSTEM_ID, walSegment } from '../../../support/wal-files.ts';
import { openWalServer, type WalServer } from '../../../support/wal-server.ts';

let box: WalServer;
beforeEach(async () => {
  box = await openWalServer();
  await box.scope.catalog.writeIdentity({ systemid: SYSTEM_ID, version: '15' });
});
afterEach(() => box.dispose());

const [A, B] = ['42', '43'];
const heads = new Map(
  [SYSTEM_ID, A, B].map((id) => [id, walSegment(segmentName(0), { systemId: id }).subarray(0, 64)]),
);
const locate = (number: number) => box.scope.catalog.walStore.locate(segmentName(number));

function place(number: number, systemId = SYSTEM_ID, form = (bytes: Buffer) => bytes): void {
  mkdirSync(dirname(locate(number)), { recursive: true });
  writeFileSync(locate(number), form(walSegment(segmentName(number), { systemId })));
}
/** Many beginnings of segments, in two groups; the directories did not change for long. */
function placeMany(): void {
  mkdirSync(dirname(locate(0)));
  mkdirSync(dirname(locate(5_000)));
  for (let number = 0; number < 600; number += 1) {
    for (const at of [number, 5_000 + number]) writeFileSync(locate(at), heads.get(SYSTEM_ID) ?? '');
  }
}
const settle = () => {
  for (const at of [0, 5_000]) utimesSync(dirname(locate(at)), 1_700_000_000, 1_700_000_000);
};
const found = async (until?: number) => (await findForeign(box.scope, until)).map(({ name }) => name);
const memory = () => box.scope.catalog.layout.walSystems;

describe('WAL of other systems', () => {
  it('is found, plain or in gzip, but not that of a system of which there is a backup', async () => {
    place(1);
    place(2, A);
    place(3, B, gzipSync);
    place(4_097, A);
    expect(await findForeign(box.scope)).toEqual(
      [2, 3, 4_097].map((number) => ({
        name: segmentName(number),
        location: locate(number),
        problem: `comes from system ${number === 3 ? B : A}, but this archive belongs to system ${SYSTEM_ID}`,
      })),
    );
    await box.scope.catalog.saveBackup({ ...emptyBackupInfo('20261101T040000'), systemid: A });
    expect(await found()).toEqual([segmentName(3)]);
    // Nothing is kept of so few.
    expect(existsSync(memory())).toBe(false);
  });

  it('counts as missing in coverage, and is told by a rebuild of the index', async () => {
    place(1);
    place(2, A);
    place(3, A);
    await measureCoverage({ ...box.scope, postgres: null });
    expect(box.said().filter((line) => line.includes('system'))).toEqual(
      [2, 3].map(
        (number) =>
          `WARNING: '${locate(number)}' comes from system ${A}, but this archive belongs to system ${SYSTEM_ID}: it counts as missing`,
      ),
    );
    const { configuration, output, log, now, signal, env } = box.scope;
    await rebuild({ configuration, output, log, now, signal, env }, { serverNames: ['pg'] });
    expect(box.said().slice(-1)).toEqual([
      `WARNING: '${locate(2)}' (and 1 more) comes from system ${A}, but this archive belongs to system ${SYSTEM_ID}: it is in the index, and no restore delivers it`,
    ]);
  });

  it('is a line of check, which a healthy server does not have', async () => {
    place(1);
    const results: CheckResult[] = [];
    const checks = openChecks(box.scope, 0, { onResult: (result) => results.push(result) });
    await checkForeignWal(checks);
    expect(results).toEqual([]);
    place(2, A);
    await checkForeignWal(checks);
    expect(results).toEqual([
      {
        name: 'WAL of this system',
        ok: false,
        hint: `'${locate(2)}' comes from system ${A}, but this archive belongs to system ${SYSTEM_ID}: move it away, type "barman rebuild-xlogdb pg" and archive the right one`,
      },
    ]);
  });

  it('is not read again while its directory stays as it is', async () => {
    placeMany();
    writeFileSync(locate(7), heads.get(A) ?? '');
    settle();
    expect(await found()).toEqual([segmentName(7)]);
    // Behind the back of the memory: nobody writes into an archived file.
    writeFileSync(locate(8), heads.get(A) ?? '');
    expect(await found()).toEqual([segmentName(7)]);
    // A file that comes is looked at, and one that goes is forgotten.
    rmSync(locate(7));
    writeFileSync(locate(700), heads.get(B) ?? '');
    expect(await found()).toEqual([8, 700].map((number) => segmentName(number)));
    for (const text of ['', '{', '[]', '{"x":1}', JSON.stringify({ '0000000100000000': { stamp: 1 } })]) {
      writeFileSync(memory(), text);
      expect(await found()).toEqual([8, 700].map((number) => segmentName(number)));
    }
  });

  it('is looked for again when the archive has become that of another system', async () => {
    placeMany();
    settle();
    expect(await found()).toEqual([]);
    rmSync(box.path('identity.json'));
    await box.scope.catalog.writeIdentity({ systemid: A, version: '15' });
    expect(await found()).toHaveLength(1_200);
  });

  it('goes on where the time was up, and needs no place to remember', async () => {
    placeMany();
    writeFileSync(locate(7), heads.get(A) ?? '');
    settle();
    expect(await found(0)).toEqual([]);
    expect(existsSync(memory())).toBe(false);
    await found();
    const text = readFileSync(memory(), 'utf8');
    writeFileSync(locate(5_900), heads.get(A) ?? '');
    // What is known stays known.
    expect(await found(0)).toEqual([segmentName(7)]);
    expect(await found()).toEqual([7, 5_900].map((number) => segmentName(number)));
    rmSync(memory());
    mkdirSync(memory());
    chmodSync(memory(), 0o500);
    expect(await found()).toEqual([7, 5_900].map((number) => segmentName(number)));
    expect(text).toContain(SYSTEM_ID);
  });
});
