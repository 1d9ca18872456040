/** target_session_attrs: is this the kind of server that was asked for? Source: PostgreSQL documentation, "Parameter Key Words". */
import { messageOf, PostgresError } from '../../domain/errors.ts';
import type { Connection } from './connection.ts';
import { isServerError } from './failure.ts';

/**
 * Why the server is not what is wanted (`prefer-standby` is asked as `standby`, then as `any`), in libpq's words; undefined
 * when it is. PostgreSQL 14 and later say with the greeting what they are. Older ones are asked as libpq asks them, by the
 * simple protocol and one setting or function: a sender of physical replication knows `SHOW` and refuses the rest.
 */
export async function attributesProblem(connection: Connection, wanted: string): Promise<PostgresError | undefined> {
  try {
    const words = await unwanted(connection, wanted);
    return words === undefined ? undefined : new PostgresError(words);
  } catch (cause) {
    return new PostgresError(refusal(cause, wanted), { cause });
  }
}

async function unwanted(connection: Connection, wanted: string): Promise<string | undefined> {
  switch (wanted) {
    case 'any':
      return undefined;
    case 'read-write':
      return (await isReadOnly(connection)) ? 'session is read-only' : undefined;
    case 'read-only':
      return (await isReadOnly(connection)) ? undefined : 'session is not read-only';
    case 'primary':
      return (await isStandby(connection)) ? 'server is in hot standby mode' : undefined;
    default:
      return (await isStandby(connection)) ? undefined : 'server is not in hot standby mode';
  }
}

async function isReadOnly({ client, status }: Connection): Promise<boolean> {
  const [standby, byDefault] = [status.get('in_hot_standby'), status.get('default_transaction_read_only')];
  if (standby !== undefined && byDefault !== undefined) return standby === 'on' || byDefault === 'on';
  const { rows } = await client.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
  return rows[0]?.transaction_read_only === 'on';
}

async function isStandby({ client, status }: Connection): Promise<boolean> {
  const standby = status.get('in_hot_standby');
  if (standby !== undefined) return standby === 'on';
  const { rows } = await client.query<{ answer: boolean }>('SELECT pg_catalog.pg_is_in_recovery() AS answer');
  return rows[0]?.answer === true;
}

/** In a replication connection PostgreSQL 13 and older cannot be asked what `primary` and `standby` want to know. */
const CAN_BE_ASKED: Readonly<Record<string, string>> = { primary: 'read-write', standby: 'read-only' };

function refusal(cause: unknown, wanted: string): string {
  if (!isServerError(cause)) return messageOf(cause);
  const instead = CAN_BE_ASKED[wanted];
  const advice = instead === undefined ? '' : ` (write target_session_attrs=${instead} for this release of PostgreSQL)`;
  return `${cause.severity}:  ${cause.message}${advice}`;
}
