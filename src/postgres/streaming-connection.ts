/** The replication connection: IDENTIFY_SYSTEM and physical slots. Source: PostgreSQL documentation, chapter 55.4. */
import { formatConninfo, parseConninfo, streamingDsn, streamingKeywords } from '../domain/conninfo.ts';
import { PostgresError } from '../domain/errors.ts';
import { formatLsn } from '../domain/wal/lsn.ts';
import type { PostgresOptions, StreamingConnection, SystemIdentity } from './connections.ts';
import { Session } from './sql/session.ts';
import { readLsn } from './sql/values.ts';
import { has } from '../domain/postgres-version.ts';

/** Makes the connection object; nothing is opened before the first question. @throws ConfigError for a bad conninfo */
export function openStreaming(options: PostgresOptions): StreamingConnection {
  const { conninfo, env, log, signal } = options;
  const session = new Session({
    conninfo: formatConninfo(streamingKeywords(conninfo)),
    env,
    signal,
    warn: (text) => log.warning(text),
    replication: true,
    applicationName: undefined,
  });
  const identifySystem = () => identify(session);
  return {
    dsn: streamingDsn(conninfo),
    keywords: parseConninfo(conninfo),
    serverVersion: () => session.serverVersion(),
    identifySystem,
    createPhysicalSlot: async (name) => {
      await session.query(`CREATE_REPLICATION_SLOT "${slotName(name)}" PHYSICAL`);
    },
    dropSlot: async (name) => {
      await session.query(`DROP_REPLICATION_SLOT "${slotName(name)}"`);
    },
    remoteStatus: async () => {
      try {
        const { systemid, timeline, xlogpos } = await identifySystem();
        return {
          connection_error: null,
          streaming_supported: true,
          streaming: true,
          streaming_systemid: systemid,
          timeline,
          xlogpos: formatLsn(xlogpos),
          version_supported: has(await session.serverVersion(), 'backup'),
        };
      } catch (error) {
        if (!(error instanceof PostgresError)) throw error;
        log.warning(`Error retrieving PostgreSQL status: ${error.message}`);
        return {
          connection_error: error.message,
          streaming_supported: null,
          streaming: null,
          streaming_systemid: null,
          timeline: null,
          xlogpos: null,
          version_supported: null,
        };
      }
    },
    close: () => session.close(),
  };
}

async function identify(session: Session): Promise<SystemIdentity> {
  const [row] = await session.query<{ systemid: string; timeline: number; xlogpos: string }>('IDENTIFY_SYSTEM');
  if (row === undefined) throw new PostgresError('IDENTIFY_SYSTEM returned no row');
  return { systemid: row.systemid, timeline: row.timeline, xlogpos: readLsn(row.xlogpos) };
}

/** The replication grammar has no escapes: only what PostgreSQL accepts as a slot name may be put into a command. */
function slotName(name: string): string {
  if (/^[a-z0-9_]{1,63}$/.test(name)) return name;
  throw new PostgresError(`replication slot name "${name}" contains invalid character or is too long`, {
    hint: 'Replication slot names may only contain lower case letters, numbers, and the underscore character.',
  });
}
