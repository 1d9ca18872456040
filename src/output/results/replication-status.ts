/** `barman replication-status`, full and minimal. Source: docs/behaviour/check.md 4, cli.md 6.5. */
import { formatLsn, type Lsn } from '../../domain/wal/lsn.ts';
import { isWalStreamer, lsnDiff, type StreamingClient, syncStage } from '../../domain/replication-view.ts';
import { prettySize } from '../../domain/text/size.ts';
import { formatTimestamp } from '../../domain/time/timestamp.ts';
import type { Json, JsonObject, Result } from '../output.ts';

export type ReplicationTarget = 'all' | 'hot-standby' | 'wal-streamer';

export interface ReplicationView {
  readonly server: string;
  readonly target: ReplicationTarget;
  /** null when it cannot be told. */
  readonly serverLsn: Lsn | null;
  readonly clients: readonly StreamingClient[];
}

const TITLES: Readonly<Record<ReplicationTarget, string>> = {
  all: 'streaming clients',
  'hot-standby': 'hot standby servers',
  'wal-streamer': 'WAL streamers',
};

/** Before the server was asked: JSON has its key even when the answer is an error. */
export function replicationHeader(server: string): Result {
  return { console: () => [], json: () => ({ [server]: {} }) };
}

export function replicationStatusResult(view: ReplicationView): Result {
  return { console: () => fullLines(view), json: () => document(view, fullItem) };
}

export function minimalReplicationStatusResult(view: ReplicationView): Result {
  return { console: () => minimalLines(view), json: () => document(view, minimalItem) };
}

function fullLines({ server, target, serverLsn, clients }: ReplicationView): string[] {
  const title = TITLES[target];
  return [
    `Status of ${title} for server '${server}':`,
    ...(serverLsn === null ? [] : [`  Current LSN on master: ${formatLsn(serverLsn)}`]),
    clients.length === 0 ? `  No ${title} attached` : `  Number of ${title}: ${clients.length}`,
    ...clients.flatMap((client, index) => ['', ...clientLines(client, index + 1)]),
  ];
}

function clientLines(client: StreamingClient, number: number): string[] {
  const priority = client.syncPriority > 0 ? `#${client.syncPriority} ` : '';
  return [
    `  ${number}. ${priority}${clientName(client)}`,
    `     Application name: ${client.applicationName ?? ''}`,
    `     Sync stage      : ${syncStage(client)}`,
    `     Communication   : ${communication(client)}`,
    ...(client.clientAddr === null
      ? []
      : [
          `     IP Address      : ${client.clientAddr} / Port: ${client.clientPort ?? 'None'} / ` +
            `Host: ${client.clientHostname ?? '-'}`,
        ]),
    `     User name       : ${client.userName ?? ''}`,
    `     Current state   : ${client.state ?? ''} (${client.syncState})`,
    ...(client.slotName === null ? [] : [`     Replication slot: ${client.slotName}`]),
    `     WAL sender PID  : ${client.pid}`,
    `     Started at      : ${formatTimestamp(client.backendStart)}`,
    ...(client.backendXmin === null ? [] : [`     Standby's xmin  : ${client.backendXmin}`]),
    ...positions(client).map(
      ([word, lsn]) =>
        `     ${`${word} LSN`.padEnd(11)}: ${formatLsn(lsn)} (diff: ${prettySize(lsnDiff(lsn, client.currentLsn))})`,
    ),
  ];
}

function minimalLines({ server, target, serverLsn, clients }: ReplicationView): string[] {
  const title = TITLES[target].toLowerCase();
  const heading = title.charAt(0).toUpperCase() + title.slice(1);
  const place = serverLsn === null ? `slave '${server}'` : `master '${server}' (LSN @ ${formatLsn(serverLsn)})`;
  return [
    `${heading} for ${place}:`,
    ...(clients.length === 0 ? [`  No ${TITLES[target]} attached`] : clients.map(minimalLine)),
  ];
}

function minimalLine(client: StreamingClient, index: number): string {
  const lsns = isWalStreamer(client)
    ? `S:${text(client.sentLsn)} W:${text(client.writeLsn)}`
    : `S:${text(client.sentLsn)} F:${text(client.flushLsn)} R:${text(client.replayLsn)}`;
  const letter = isWalStreamer(client) ? 'W' : syncLetter(client);
  const who = `${client.userName ?? ''}@${client.clientAddr ?? 'socket'}`;
  return `  ${index + 1}. ${letter}) ${who} ${lsns} P:${client.syncPriority} AN:${client.applicationName ?? ''}`;
}

function document(view: ReplicationView, toItem: (client: StreamingClient) => JsonObject): JsonObject {
  const { server, target, serverLsn, clients } = view;
  const title = TITLES[target];
  const content: Record<string, Json> = {
    [title.toLowerCase().replaceAll(' ', '_')]: clients.map(toItem),
    ...(serverLsn === null ? {} : { server_lsn: formatLsn(serverLsn) }),
    ...(clients.length === 0 ? { standby_info: `No ${title} attached` } : {}),
  };
  return { [server]: content };
}

function fullItem(client: StreamingClient): JsonObject {
  const lsns: Record<string, Json> = {};
  for (const [word, lsn] of positions(client)) {
    const key = `${word.toLowerCase()}_lsn`;
    const diff = lsnDiff(lsn, client.currentLsn);
    lsns[key] = formatLsn(lsn);
    lsns[`${key}_diff`] = prettySize(diff);
    lsns[`${key}_diff_bytes`] = Number(diff);
  }
  return {
    name: clientName(client),
    application_name: client.applicationName,
    sync_stage: syncStage(client),
    communication: communication(client),
    ...(client.clientAddr === null
      ? {}
      : { ip_address: client.clientAddr, port: client.clientPort, host: client.clientHostname }),
    user_name: client.userName,
    current_state: client.state,
    current_sync_state: client.syncState,
    ...(client.slotName === null ? {} : { replication_slot: client.slotName }),
    wal_sender_pid: client.pid,
    started_at: formatTimestamp(client.backendStart),
    ...(client.backendXmin === null ? {} : { standbys_xmin: client.backendXmin }),
    ...lsns,
  };
}

function minimalItem(client: StreamingClient): JsonObject {
  const common = {
    application_name: client.applicationName,
    client_addr: client.clientAddr ?? 'socket',
    sent_lsn: text(client.sentLsn),
    sync_priority: client.syncPriority,
    user_name: client.userName,
  };
  return isWalStreamer(client)
    ? { ...common, write_lsn: text(client.writeLsn) }
    : {
        ...common,
        flush_lsn: text(client.flushLsn),
        replay_lsn: text(client.replayLsn),
        sync_state: syncLetter(client),
      };
}

/** `Async standby`, `Sync WAL streamer`. */
function clientName(client: StreamingClient): string {
  const { syncState } = client;
  const state = syncState.charAt(0).toUpperCase() + syncState.slice(1).toLowerCase();
  return `${state} ${isWalStreamer(client) ? 'WAL streamer' : 'standby'}`;
}

function communication(client: StreamingClient): string {
  return client.clientAddr === null ? 'Unix domain socket' : 'TCP/IP';
}

function syncLetter(client: StreamingClient): string {
  return client.syncState.charAt(0).toUpperCase();
}

function positions(client: StreamingClient): (readonly [string, Lsn])[] {
  const all = [
    ['Sent', client.sentLsn],
    ['Write', client.writeLsn],
    ['Flush', client.flushLsn],
    ['Replay', client.replayLsn],
  ] as const;
  return all.flatMap(([word, lsn]) => (lsn === null ? [] : [[word, lsn] as const]));
}

function text(lsn: Lsn | null): string {
  return lsn === null ? 'None' : formatLsn(lsn);
}
