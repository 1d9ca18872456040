import { expect, it } from 'vitest';
import { WalError } from '../../../../src/domain/errors.ts';
import { parseTimelineHistory } from '../../../../src/domain/wal/timeline-history.ts';

it('reads the ancestors in order', () => {
  const text =
    '# comment\n1\t0/A0000A0\tno recovery target specified\n\n2\t1/03000028\tbefore 2026-11-21 02:35:40+00\tx\n';
  expect(parseTimelineHistory(text, '00000003.history')).toEqual([
    { parentTimeline: 1, switchLsn: 0xa0000a0n, reason: 'no recovery target specified' },
    { parentTimeline: 2, switchLsn: 0x103000028n, reason: 'before 2026-11-21 02:35:40+00\tx' },
  ]);
});

it.each([
  ['', "timeline history file '00000002.history' is empty"],
  ['# nothing\n', "timeline history file '00000002.history' is empty"],
  ['1\t0/A0\n', "cannot read line '1\t0/A0' of timeline history file '00000002.history'"],
  ['1 0/A0 reason\n', "cannot read line '1 0/A0 reason' of timeline history file '00000002.history'"],
  ['0\t0/A0\tx\n', "cannot read line '0\t0/A0\tx' of timeline history file '00000002.history'"],
  ['1\tA0\tx\n', "cannot read line '1\tA0\tx' of timeline history file '00000002.history'"],
])('refuses %j', (text, reason) =>
  expect(() => parseTimelineHistory(text, '00000002.history')).toThrow(new WalError(reason)),
);
