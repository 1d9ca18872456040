/** Against PostgreSQL 14 and later: test/integration/postgres-connection.test.ts. Here the answers that 13 gave. */
import type { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { attributesProblem } from '../../../../src/postgres/libpq/attributes.ts';
import type { Connection } from '../../../../src/postgres/libpq/connection.ts';

const REFUSED = Object.assign(new Error('cannot execute SQL commands in WAL sender for physical replication'), {
  severity: 'ERROR',
  code: '0A000',
});

function serverOf13(isStandby: boolean, isReplication: boolean): Connection {
  const client = {
    query: async (text: string, values?: unknown) => {
      expect(values, 'a walsender knows no bound query').toBeUndefined();
      if (text === 'SHOW transaction_read_only') return { rows: [{ transaction_read_only: isStandby ? 'on' : 'off' }] };
      if (isReplication) throw REFUSED;
      return { rows: [{ answer: isStandby }] };
    },
  } as unknown as Client;
  return { client, parameters: {} as never, status: new Map([['server_version', '13.23']]) };
}
const problem = async (wanted: string, isStandby: boolean, isReplication: boolean) =>
  (await attributesProblem(serverOf13(isStandby, isReplication), wanted))?.message;

describe('attributesProblem with PostgreSQL 13', () => {
  it.each([true, false])('asks read-write and read-only by SHOW (replication: %s)', async (isReplication) => {
    expect(await problem('any', true, isReplication)).toBeUndefined();
    expect(await problem('read-write', false, isReplication)).toBeUndefined();
    expect(await problem('read-write', true, isReplication)).toBe('session is read-only');
    expect(await problem('read-only', false, isReplication)).toBe('session is not read-only');
    expect(await problem('read-only', true, isReplication)).toBeUndefined();
  });

  it('asks primary and standby by SQL', async () => {
    expect(await problem('primary', false, false)).toBeUndefined();
    expect(await problem('primary', true, false)).toBe('server is in hot standby mode');
    expect(await problem('standby', true, false)).toBeUndefined();
    expect(await problem('standby', false, false)).toBe('server is not in hot standby mode');
  });

  it('says what to write where the server cannot be asked, as libpq fails there', async () => {
    const words = 'ERROR:  cannot execute SQL commands in WAL sender for physical replication';
    expect(await problem('primary', false, true)).toBe(
      `${words} (write target_session_attrs=read-write for this release of PostgreSQL)`,
    );
    expect(await problem('standby', true, true)).toBe(
      `${words} (write target_session_attrs=read-only for this release of PostgreSQL)`,
    );
  });
});
