import { describe, expect, it } from 'vitest';
import { lsn, parseLsn } from '../../../../src/domain/wal/lsn.ts';
import {
  continuation,
  newestReceived,
  outranks,
  segmentAt,
  segmentsFrom,
  startAfter,
  startObstacle,
} from '../../../../src/domain/wal/stream-start.ts';
import { parseWalName } from '../../../../src/domain/wal/wal.ts';

const SIZE = 16_777_216;

describe('newestReceived', () => {
  // As pg_receivewal 15 was seen to choose.
  it.each([
    [[], undefined],
    [['00000002.history', 'junk', '.hidden'], undefined],
    [['000000010000000000000003', '000000010000000000000004.partial'], '000000010000000000000004.partial'],
    [['000000010000000000000005.partial', '000000020000000000000004.partial'], '000000010000000000000005.partial'],
    [['000000010000000000000004', '000000020000000000000004.partial'], '000000020000000000000004.partial'],
    [['000000010000000000000004', '000000010000000000000004.partial'], '000000010000000000000004'],
    [['000000010000000100000000.partial', '0000000100000000000000FF'], '000000010000000100000000.partial'],
  ])('%j: %s', (names, newest) => {
    expect(newestReceived(names)?.name).toBe(newest);
  });
});

describe('startAfter', () => {
  it('is the beginning of a partial file and the end of a complete one', () => {
    const start = (name: string) => startAfter(parseWalName(name) ?? expect.fail(name), SIZE);
    expect(start('000000010000000000000004.partial')).toEqual({ timeline: 1, lsn: lsn(0x4000000n) });
    expect(start('0000000200000000000000FF')).toEqual({ timeline: 2, lsn: lsn(0x100000000n) });
  });
});

describe('startObstacle', () => {
  const switches = [
    { parentTimeline: 1, switchLsn: lsn(0x4000000n), reason: 'x' },
    { parentTimeline: 3, switchLsn: lsn(0x6abcde8n), reason: 'x' },
  ];
  const server = { timeline: 4, switches, flushed: lsn(0x7000000n) };
  const obstacle = (timeline: number, position: string) =>
    startObstacle({ timeline, lsn: parseLsn(position) ?? expect.fail(position) }, server)?.words;

  it('is none in the history of the server', () => {
    expect(obstacle(4, '0/7000000')).toBeUndefined();
    expect(obstacle(3, '0/6000000')).toBeUndefined();
    expect(obstacle(1, '0/4000000')).toBeUndefined();
  });

  it('is told with both ends', () => {
    expect(obstacle(4, '0/8000000')).toBe(
      'the WAL received so far ends at 0/8000000 on timeline 4, ahead of PostgreSQL, which is at 0/7000000',
    );
    expect(obstacle(1, '0/5000000')).toBe(
      'the WAL received so far ends at 0/5000000 on timeline 1; PostgreSQL left that timeline at 0/4000000 and is on timeline 4',
    );
    expect(obstacle(2, '0/5000000')).toBe(
      'the WAL received so far ends at 0/5000000 on timeline 2; PostgreSQL is on timeline 4, which does not come from it',
    );
  });
});

describe('outranks', () => {
  it('is what pg_receivewal would go on after instead', () => {
    const status = '000000020000000000000004.partial';
    expect(outranks('000000010000000000000005.partial', status)).toBe(true);
    expect(outranks('000000020000000000000004', status)).toBe(true);
    expect(outranks('000000010000000000000004', status)).toBe(false);
    expect(outranks('00000003.history', status)).toBe(false);
    expect(outranks(status, status)).toBe(false);
  });
});

describe('where a server that has changed its timeline goes on', () => {
  const switches = [
    { parentTimeline: 1, switchLsn: lsn(0x4000000n), reason: 'x' },
    { parentTimeline: 3, switchLsn: lsn(0x6abcde8n), reason: 'x' },
  ];
  const server = { timeline: 4, switches, flushed: lsn(0x8000100n) };
  const text = ({ timeline, lsn: position }: { timeline: number; lsn: bigint }) =>
    `${timeline}:${position.toString(16)}`;

  it('keeps a segment under the newest timeline that has bytes in it', () => {
    const at = (position: bigint) => text(segmentAt(lsn(position), server, SIZE));
    expect([at(0x3ffffffn), at(0x4000000n), at(0x5000001n), at(0x6000000n), at(0x7000000n)]).toEqual([
      '1:3000000',
      '3:4000000',
      '3:5000000',
      '4:6000000',
      '4:7000000',
    ]);
    expect([...segmentsFrom(lsn(0x5000001n), server, SIZE)].map(text)).toEqual([
      '3:5000000',
      '4:6000000',
      '4:7000000',
      '4:8000000',
    ]);
    const young = { timeline: 1, switches: [], flushed: lsn(0x3000000n) };
    expect([...segmentsFrom(lsn(0x2000000n), young, SIZE)].map(text)).toEqual(['1:2000000']);
  });

  it.each([
    // Behind what is held of the current timeline, else of the nearest one, which may have been left before.
    [['000000040000000000000007'], '4:8000000'],
    [['000000030000000000000005'], '3:6000000'],
    [['000000030000000000000006.partial'], '3:6000000'],
    [['000000030000000000000009.partial'], '4:6000000'],
    [['000000010000000000000002', '000000020000000000000009'], '1:3000000'],
    [['000000010000000000000005.partial'], '3:4000000'],
    [['000000010000000000000009', '000000030000000000000004'], '3:5000000'],
    [['000000020000000000000005'], null],
    [['00000004000000000000000A'], '4:8000000'],
  ])('with %j at %s', (names, expected) => {
    const newest = new Map(names.map((name) => parseWalName(name) ?? expect.fail(name)).map((f) => [f.timeline, f]));
    const start = continuation(newest, server, SIZE);
    expect(start && text(start)).toBe(expected);
  });
});
