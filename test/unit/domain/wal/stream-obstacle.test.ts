import { describe, expect, it } from 'vitest';
import { causeIn, obstacleLine, remedyFor, slotObstacle } from '../../../../src/domain/wal/stream-obstacle.ts';

describe('causeIn', () => {
  // Lines of pg_receivewal 13 to 18.
  it.each([
    ['replication slot "barman" is active for PID 4711', 'slot in use', /stop the other receiver/],
    [
      'requested WAL segment 000000010000000000000003 has already been removed',
      'removed WAL',
      /--reset pg".*backup pg"/,
    ],
    ['replication slot "barman" does not exist', 'no slot', /--create-slot pg"/],
    [
      "requested starting point 0/5000000 on timeline 1 is not in this server's history",
      'other history',
      /--reset pg"/,
    ],
    ["requested timeline 3 is not in this server's history", 'other history', /--reset pg"/],
    [
      'requested starting point 0/9000000 is ahead of the WAL flush position of this server 0/3A1B2C8',
      'ahead of the server',
      /onto a new timeline/,
    ],
    ['can no longer access replication slot "barman"', 'lost slot', /--drop-slot pg".*--create-slot pg".*backup pg"/],
    [
      'cannot use a logical replication slot for physical replication',
      'logical slot',
      /slot_name another value.*\[pg\]/,
    ],
    ['cannot use READ_REPLICATION_SLOT with a logical replication slot', 'logical slot', /--create-slot pg"/],
  ])('%s', (words, cause, remedy) => {
    const found = causeIn(
      `pg_receivewal: error: could not send replication command "START_REPLICATION": ERROR:  ${words}`,
    );
    expect(found).toBe(cause);
    expect(found && remedyFor(found, 'pg')).toMatch(remedy);
  });

  it('says nothing of what is no trouble', () => {
    expect(causeIn('pg_receivewal: starting log streaming at 0/3000000 (timeline 1)')).toBeUndefined();
  });
});

describe('slotObstacle', () => {
  const slot = { slotName: 'b', active: false, restartLsn: null, isPhysical: true, lost: null };
  const line = (state: Parameters<typeof slotObstacle>[1]) => {
    const obstacle = slotObstacle('b', state);
    return obstacle && obstacleLine(obstacle, 'pg');
  };

  it("has the reference's sentence for a missing one", () => {
    expect(line(null)).toBe("replication slot 'b' doesn't exist. Please execute 'barman receive-wal --create-slot pg'");
  });

  it('tells a lost and a logical one', () => {
    expect(line(slot)).toBeNull();
    expect(line({ ...slot, lost: 'idle_timeout' })).toMatch(
      /^replication slot 'b' is lost: PostgreSQL has invalidated it \(idle_timeout\): run "barman receive-wal --drop-slot pg"/,
    );
    expect(line({ ...slot, isPhysical: false })).toMatch(/^'b' is a logical replication slot/);
  });
});
