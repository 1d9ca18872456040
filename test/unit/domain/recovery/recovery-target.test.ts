import { describe, expect, it } from 'vitest';
import { type Lsn, lsn } from '../../../../src/domain/wal/lsn.ts';
import { postgresVersion } from '../../../../src/domain/postgres-version.ts';
import {
  describeGoal,
  isPointInTime,
  type RecoveryGoal,
  targetSettings,
  versionProblem,
} from '../../../../src/domain/recovery/recovery-target.ts';

const position: Lsn = lsn(0xf0000000n);
const goal = (changes: Partial<RecoveryGoal>): RecoveryGoal => ({
  target: null,
  timeline: null,
  exclusive: false,
  action: null,
  standby: false,
  ...changes,
});
const time = goal({ target: { kind: 'time', time: { epochMicros: 1_893_456_000_000_000n, offsetMinutes: 60 } } });
const xid = goal({
  target: { kind: 'xid', xid: '1234' },
  timeline: { typed: 'latest', number: 1 },
  exclusive: true,
  action: 'promote',
});
const byLsn = goal({ target: { kind: 'lsn', lsn: position, text: '0/F0000000' }, timeline: { typed: 3, number: 3 } });
const byName = goal({ target: { kind: 'name', name: "a'b\\" }, exclusive: true });
const immediate = goal({ target: { kind: 'immediate' }, timeline: { typed: 'current', number: 7 }, action: 'pause' });

describe('RecoveryGoal', () => {
  it('is described as Barman does', () => {
    expect([time, xid, byLsn, byName, immediate].map(describeGoal)).toEqual([
      "time: '2030-01-01 01:00:00+01:00'",
      "xid: '1234', timeline: '1'",
      "lsn: '0/F0000000', timeline: '3'",
      `name: "a'b\\\\"`,
      "timeline: '7', immediate: True",
    ]);
  });

  it('becomes settings in the order of Barman, quoted for PostgreSQL', () => {
    expect(targetSettings(time, postgresVersion(150_000))).toEqual([
      "recovery_target_time = '2030-01-01 01:00:00+01:00'",
    ]);
    expect(targetSettings(xid, postgresVersion(150_000))).toEqual([
      "recovery_target_xid = '1234'",
      "recovery_target_inclusive = 'False'",
      'recovery_target_timeline = latest',
      "recovery_target_action = 'promote'",
    ]);
    expect(targetSettings(byLsn, postgresVersion(150_000))).toEqual([
      "recovery_target_lsn = '0/F0000000'",
      'recovery_target_timeline = 3',
    ]);
    expect(targetSettings(byName, postgresVersion(150_000))).toEqual([String.raw`recovery_target_name = 'a''b\\'`]);
    expect(targetSettings(immediate, postgresVersion(90_400))).toEqual([
      "recovery_target = 'immediate'",
      'recovery_target_timeline = current',
      "pause_at_recovery_target = 'on'",
    ]);
  });

  it('knows when there is a point in time', () => {
    expect([goal({ standby: true }), time, goal({ timeline: { typed: 1, number: 1 } })].map(isPointInTime)).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('knows what old releases cannot do', () => {
    expect(versionProblem(byLsn, postgresVersion(90_624))).toBe(
      "Illegal use of recovery_target_lsn '0/F0000000' for this version of PostgreSQL (version 10 minimum required)",
    );
    expect(versionProblem(xid, postgresVersion(90_400))).toBe(
      "Illegal target action 'promote' for this version of PostgreSQL",
    );
    expect([
      versionProblem(byLsn, postgresVersion(100_000)),
      versionProblem(immediate, postgresVersion(90_400)),
    ]).toEqual([null, null]);
  });
});
