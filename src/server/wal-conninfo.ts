/** The host that the WAL comes from, when it is another one. Source: docs/behaviour/config.md 8. */
import { overrideServer, type ServerInForce } from '../config/in-force.ts';
import { redactConninfo } from '../domain/redaction.ts';

export interface WalHost {
  readonly server: ServerInForce;
  /** What cron, receive-wal and replication-status say about it (check does not); null when nothing was overridden. */
  readonly note: string | null;
}

/** wal_streaming_conninfo and wal_conninfo in the place of streaming_conninfo and conninfo. */
export function useWalConninfo(server: ServerInForce): WalHost {
  const { config } = server;
  const streaming = config.walStreamingConninfo;
  const sql = config.walConninfo ?? streaming;
  const notes = [
    ...(streaming === null ? [] : [overridden('streaming_conninfo', streaming)]),
    ...(sql === null ? [] : [overridden('conninfo', sql)]),
  ];
  if (notes.length === 0) return { server, note: null };
  return {
    server: overrideServer(server, {
      streamingConninfo: streaming ?? config.streamingConninfo,
      conninfo: sql ?? config.conninfo,
    }),
    note: `Configuration overrides applied: ${notes.join(' and ')}`,
  };
}

function overridden(option: string, conninfo: string): string {
  return `'${option}' overridden with '${redactConninfo(conninfo)}'`;
}
