import { expect, it } from 'vitest';
import { showServersResult } from '../../../../src/output/results/show-servers.ts';

const paint = { red: String, green: String, yellow: String };

it('shows every value sorted by key, without passwords, and keeps types in JSON', () => {
  const result = showServersResult({
    name: 'pg',
    state: 'disabled',
    status: {
      timeline: 1,
      current_size: '24076561',
      replication_slot: "Record(slot_name='s', active=True, restart_lsn='0/1')",
      synchronous_standby_names: [''],
    },
    values: {
      active: true,
      conninfo: "host=h password='a b' user=u",
      description: null,
      last_backup_maximum_age: null,
      tablespace_bandwidth_limit: new Map([['a', 1]]),
    },
  });
  expect(result.console(paint)).toEqual([
    'Server pg (WARNING: disabled):',
    '\tactive: True',
    '\tconninfo: host=h password=*REDACTED* user=u',
    '\tcurrent_size: 24076561',
    '\tdescription: None',
    '\tlast_backup_maximum_age: None',
    "\treplication_slot: Record(slot_name='s', active=True, restart_lsn='0/1')",
    "\tsynchronous_standby_names: ['']",
    "\ttablespace_bandwidth_limit: {'a': 1}",
    '\ttimeline: 1',
  ]);
  expect(result.json()).toEqual({
    pg: {
      active: true,
      conninfo: 'host=h password=*REDACTED* user=u',
      current_size: '24076561',
      description: '(WARNING: disabled)',
      last_backup_maximum_age: 'None',
      replication_slot: "Record(slot_name='s', active=True, restart_lsn='0/1')",
      synchronous_standby_names: [''],
      tablespace_bandwidth_limit: { a: 1 },
      timeline: 1,
    },
  });
});
