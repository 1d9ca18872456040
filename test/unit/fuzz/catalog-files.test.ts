/** The files of a catalog, as damage and attackers make them: every parser reads, or refuses in its documented way. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBackupInfo, parseBackupInfo } from '../../../src/domain/backup/backup-info-file.ts';
import { parseBackupLabel } from '../../../src/domain/backup/backup-label.ts';
import { isBackupId } from '../../../src/domain/backup/backup-id.ts';
import { BackupError, WalError } from '../../../src/domain/errors.ts';
import { formatLiteral, parseLiteral } from '../../../src/domain/text/python-literal.ts';
import { parseTimelineHistory } from '../../../src/domain/wal/timeline-history.ts';
import { parseWalHeader, WAL_HEADER_LENGTH } from '../../../src/domain/wal/wal-header.ts';
import { hashDir, lsnOfSegment, nextSegmentName, parseWalName } from '../../../src/domain/wal/wal.ts';
import { formatWalLine, isWholeLine, parseWalLine } from '../../../src/domain/wal/xlogdb.ts';
import { recordText } from '../../support/catalog-home.ts';
import { always, mutated, readOrRefuse, textNear } from '../../support/fuzz.ts';

const ID = '20261101T040000';
const RECORD = recordText({
  children_backup_ids: '20261102T040000,20261103T040000',
  tablespaces: "[('one', 16387, '/srv/one')]",
});

describe('backup.info', () => {
  const read = (text: string) => readOrRefuse(() => parseBackupInfo(text, ID, '/x'), BackupError);

  it('is refused, or read into a record that is written and read again without a change', () => {
    always(fc.oneof(mutated(RECORD), textNear('status=DONE\n', 'version=1\n', '=', '\n', 'size=')), (text) => {
      const info = read(text);
      if (info === undefined) return;
      const written = formatBackupInfo(info);
      expect(parseBackupInfo(written, ID, '/x')).toEqual(info);
      expect(formatBackupInfo(parseBackupInfo(written, ID, '/x'))).toBe(written);
    });
  });

  it('never gives a path where an id belongs', () => {
    const key = fc.constantFrom('parent_backup_id', 'children_backup_ids');
    always(fc.tuple(key, textNear('../', '/', ID, ',', ' ', '..', '%2e')), ([field, text]) => {
      const info = read(recordText({ [field]: text }));
      const ids = [info?.parentBackupId, ...(info?.childrenBackupIds ?? [])].filter((id) => typeof id === 'string');
      expect(ids.filter((id) => !isBackupId(id))).toEqual([]);
    });
  });

  it('that lost its end is refused, wherever it was cut', () => {
    const whole = RECORD.length - 1;
    for (let length = 0; length < whole; length += 1) {
      const info = read(RECORD.slice(0, length));
      // Of the last value only a whole segment size counts, which no cut can make of another one.
      expect(info, `cut at ${length}`).toBeUndefined();
    }
  });
});

describe('a Python literal', () => {
  const scalar = fc.oneof(
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));

  it('is written and read again', () => {
    always(tree as fc.Arbitrary<Parameters<typeof formatLiteral>[0]>, (value) => {
      const text = formatLiteral(value);
      expect(formatLiteral(parseLiteral(text))).toBe(text);
    });
  });

  it('is refused with its error or read, however odd', () => {
    always(textNear("'", '"', '\\x', '\\U', '\\', '[', ']', '(', ')', '{', '}', ':', ',', '1e', '.', '-'), (text) => {
      readOrRefuse(() => parseLiteral(text), BackupError);
    });
  });

  it('with brackets without end exhausts nothing', () => {
    for (const bracket of ['[', '(', '{', "{'a':"]) {
      expect(() => parseLiteral(bracket.repeat(100_000))).toThrow(BackupError);
    }
  });
});

describe('a line of xlog.db', () => {
  const LINE = '00000001000000000000000E\t1257\t1795228542.25\tgzip\tNone';

  it('is refused, or read into what can be written, if its name is one', () => {
    always(fc.oneof(mutated(LINE), textNear('\t', ' ', '00000001000000000000000E', '-1', '1e400', '\0')), (line) => {
      const record = parseWalLine(line);
      if (record === undefined || !parseWalName(record.name)) return;
      expect(parseWalLine(formatWalLine(record).trimEnd())).toEqual(record);
    });
  });

  it('that was cut short is never taken for a whole one', () => {
    for (let length = 0; length < LINE.length; length += 1) expect(isWholeLine(LINE.slice(0, length))).toBe(false);
    expect(isWholeLine(LINE)).toBe(true);
  });
});

describe('files of PostgreSQL', () => {
  it('timeline histories', () => {
    always(textNear('1\t', '0/3000000', '\t', '\n', '#', 'no recovery target', '4294967296'), (text) => {
      const entries = readOrRefuse(() => parseTimelineHistory(text, '00000002.history'), WalError);
      for (const { parentTimeline } of entries ?? []) expect(parentTimeline).toBeGreaterThan(0);
    });
  });

  it('backup labels', () => {
    const line = 'START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n';
    always(mutated(line), (text) => {
      const label = parseBackupLabel(text);
      if (label !== undefined) expect(parseWalName(label.beginWal)?.kind).toBe('segment');
    });
  });

  it('WAL pages, also in a view that does not begin at 0', () => {
    always(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const shifted = Buffer.concat([Buffer.alloc(3), bytes]).subarray(3);
      expect(parseWalHeader(shifted)).toEqual(parseWalHeader(bytes));
      if (bytes.length < WAL_HEADER_LENGTH) expect(parseWalHeader(bytes)).toBeUndefined();
    });
  });

  it('WAL names: what is accepted is one name without a folder', () => {
    const near = textNear('00000001', '000000010000000000000002', '.partial', '.history', '.backup', '/', '..', '\n');
    always(near, (name) => {
      const file = parseWalName(name);
      if (file === undefined) return;
      expect(name).toMatch(/^[0-9A-Fa-f]+(?:\.[0-9A-Za-z]+)*$/);
      expect(hashDir(file)).toMatch(/^(?:[0-9A-F]{16})?$/);
    });
  });

  it('WAL names: the next segment begins where this one ends', () => {
    const hex = (max: number) => fc.nat({ max }).map((value) => value.toString(16).toUpperCase().padStart(8, '0'));
    always(fc.tuple(hex(0xffff), hex(0xffff), hex(0xff)), (parts) => {
      const file = parseWalName(parts.join(''));
      if (file === undefined) return;
      const next = parseWalName(nextSegmentName(file, 16_777_216));
      expect(next?.timeline).toBe(file.timeline);
      expect(next && lsnOfSegment(next, 16_777_216)).toBe(lsnOfSegment(file, 16_777_216) + 16_777_216n);
    });
  });
});
