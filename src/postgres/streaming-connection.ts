/** The replication connection: IDENTIFY_SYSTEM and physical slots. Source: PostgreSQL documentation, chapter 55.4. */
import { formatConninfo, parseConninfo, streamingDsn, streamingKeywords } from '../domain/conninfo.ts';
import { PostgresError } from '../domain/errors.ts';
import type { PostgresOptions, StreamingConnection } from './connections.ts';
import type { SystemIdentity } from './status.ts';
import { Session } from './sql/session.ts';
import { readLsn } from './sql/values.ts';

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
    timelineHistory: async (timeline) => {
      const [row] = await session.query<{ content: string }>(`TIMELINE_HISTORY ${timeline}`);
      return row?.content ?? '';
    },
    createPhysicalSlot: async (name) => {
      await session.query(`CREATE_REPLICATION_SLOT "${slotName(name)}" PHYSICAL`);
    },
    dropSlot: async (name) => {
      await session.query(`DROP_REPLICATION_SLOT "${slotName(name)}"`);
    },
    status: async () => {
      try {
        const identity = await identifySystem();
        const version = await session.serverVersion();
        return { reach: 'open', connectionError: null, identity, version };
      } catch (error) {
        if (!(error instanceof PostgresError)) throw error;
        log.warning(`Error retrieving PostgreSQL status: ${error.message}`);
        return { reach: 'silent', connectionError: error.message, identity: null, version: null };
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
