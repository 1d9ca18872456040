import { describe, expect, it } from 'vitest';
import { lsn } from '../../../../src/domain/wal/lsn.ts';
import type { StreamingClient } from '../../../../src/domain/replication-view.ts';
import {
  minimalReplicationStatusResult,
  replicationHeader,
  replicationStatusResult,
} from '../../../../src/output/results/replication-status.ts';

const plain = (text: string) => text;
const paint = { red: plain, green: plain, yellow: plain };
const position = lsn(0x3a000000n);

const standby: StreamingClient = {
  pid: 4883,
  userName: 'postgres',
  applicationName: 'walreceiver',
  clientAddr: '127.0.0.1',
  clientHostname: 'near',
  clientPort: 43054,
  backendStart: { epochMicros: 1_795_229_124_308_599n, offsetMinutes: 0 },
  backendXmin: '748',
  state: 'streaming',
  sentLsn: position,
  writeLsn: position,
  flushLsn: position,
  replayLsn: lsn(0x39fffff8n),
  syncPriority: 2,
  syncState: 'sync',
  slotName: null,
  currentLsn: position,
};
const streamer: StreamingClient = {
  ...standby,
  pid: 21986,
  userName: 'streaming_barman',
  applicationName: 'barman_receive_wal',
  clientAddr: null,
  clientHostname: null,
  clientPort: -1,
  backendXmin: null,
  writeLsn: lsn(0x380001d0n),
  flushLsn: null,
  replayLsn: null,
  syncPriority: 0,
  syncState: 'async',
  slotName: 'barman',
};
const view = { server: 'main', target: 'all', serverLsn: position, clients: [standby, streamer] } as const;

describe('full', () => {
  it('shows every fact of a client', () => {
    expect(replicationStatusResult(view).console(paint)).toEqual([
      "Status of streaming clients for server 'main':",
      '  Current LSN on master: 0/3A000000',
      '  Number of streaming clients: 2',
      '',
      '  1. #2 Sync standby',
      '     Application name: walreceiver',
      '     Sync stage      : 4/5 2-safe',
      '     Communication   : TCP/IP',
      '     IP Address      : 127.0.0.1 / Port: 43054 / Host: near',
      '     User name       : postgres',
      '     Current state   : streaming (sync)',
      '     WAL sender PID  : 4883',
      '     Started at      : 2026-11-21 02:45:24.308599+00:00',
      "     Standby's xmin  : 748",
      '     Sent LSN   : 0/3A000000 (diff: 0 B)',
      '     Write LSN  : 0/3A000000 (diff: 0 B)',
      '     Flush LSN  : 0/3A000000 (diff: 0 B)',
      '     Replay LSN : 0/39FFFFF8 (diff: -8 B)',
      '',
      '  2. Async WAL streamer',
      '     Application name: barman_receive_wal',
      '     Sync stage      : 2/3 WAL Sent (min)',
      '     Communication   : Unix domain socket',
      '     User name       : streaming_barman',
      '     Current state   : streaming (async)',
      '     Replication slot: barman',
      '     WAL sender PID  : 21986',
      '     Started at      : 2026-11-21 02:45:24.308599+00:00',
      '     Sent LSN   : 0/3A000000 (diff: 0 B)',
      '     Write LSN  : 0/380001D0 (diff: -32.0 MiB)',
    ]);
  });

  it('says so when there is nobody', () => {
    const nobody = replicationStatusResult({ ...view, target: 'wal-streamer', serverLsn: null, clients: [] });
    expect(nobody.console(paint)).toEqual([
      "Status of WAL streamers for server 'main':",
      '  No WAL streamers attached',
    ]);
    expect(nobody.json()).toEqual({ main: { wal_streamers: [], standby_info: 'No WAL streamers attached' } });
  });

  it('has the same in JSON', () => {
    expect(replicationStatusResult({ ...view, clients: [streamer] }).json()).toEqual({
      main: {
        server_lsn: '0/3A000000',
        streaming_clients: [
          {
            name: 'Async WAL streamer',
            application_name: 'barman_receive_wal',
            sync_stage: '2/3 WAL Sent (min)',
            communication: 'Unix domain socket',
            user_name: 'streaming_barman',
            current_state: 'streaming',
            current_sync_state: 'async',
            replication_slot: 'barman',
            wal_sender_pid: 21986,
            started_at: '2026-11-21 02:45:24.308599+00:00',
            sent_lsn: '0/3A000000',
            sent_lsn_diff: '0 B',
            sent_lsn_diff_bytes: 0,
            write_lsn: '0/380001D0',
            write_lsn_diff: '-32.0 MiB',
            write_lsn_diff_bytes: -33_553_968,
          },
        ],
      },
    });
  });

  it('has a place in JSON before the server was asked', () => {
    expect(replicationHeader('main').console(paint)).toEqual([]);
    expect(replicationHeader('main').json()).toEqual({ main: {} });
  });
});

describe('minimal', () => {
  it('is one line for each client', () => {
    expect(minimalReplicationStatusResult(view).console(paint)).toEqual([
      "Streaming clients for master 'main' (LSN @ 0/3A000000):",
      '  1. S) postgres@127.0.0.1 S:0/3A000000 F:0/3A000000 R:0/39FFFFF8 P:2 AN:walreceiver',
      '  2. W) streaming_barman@socket S:0/3A000000 W:0/380001D0 P:0 AN:barman_receive_wal',
    ]);
  });

  it('calls a server that does not tell its position a slave', () => {
    const nobody = minimalReplicationStatusResult({ ...view, target: 'wal-streamer', serverLsn: null, clients: [] });
    expect(nobody.console(paint)).toEqual(["Wal streamers for slave 'main':", '  No WAL streamers attached']);
  });

  it('has the same in JSON', () => {
    expect(minimalReplicationStatusResult(view).json()).toEqual({
      main: {
        server_lsn: '0/3A000000',
        streaming_clients: [
          {
            application_name: 'walreceiver',
            client_addr: '127.0.0.1',
            flush_lsn: '0/3A000000',
            replay_lsn: '0/39FFFFF8',
            sent_lsn: '0/3A000000',
            sync_priority: 2,
            sync_state: 'S',
            user_name: 'postgres',
          },
          {
            application_name: 'barman_receive_wal',
            client_addr: 'socket',
            sent_lsn: '0/3A000000',
            sync_priority: 0,
            user_name: 'streaming_barman',
            write_lsn: '0/380001D0',
          },
        ],
      },
    });
  });
});
