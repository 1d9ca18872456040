/** target_session_attrs: is this the kind of server that was asked for? */
import type { Connection } from './connection.ts';

/** Why the server is not wanted, in libpq's words; undefined when it is. */
export async function attributesProblem({ client, parameters }: Connection): Promise<string | undefined> {
  const wanted = parameters.keywords.target_session_attrs ?? 'any';
  if (wanted === 'any') return undefined;
  const text = 'SELECT pg_is_in_recovery() AS standby, current_setting($1)::bool AS read_only';
  const { rows } = await client.query<{ standby: boolean; read_only: boolean }>(text, ['transaction_read_only']);
  const standby = rows[0]?.standby === true;
  const readOnly = standby || rows[0]?.read_only === true;
  switch (wanted) {
    case 'read-write':
      return readOnly ? 'session is read-only' : undefined;
    case 'read-only':
      return readOnly ? undefined : 'session is not read-only';
    case 'primary':
      return standby ? 'server is in hot standby mode' : undefined;
    default:
      return standby ? undefined : 'server is not in hot standby mode';
  }
}
