import { describe, expect, it } from 'vitest';
import { putInForce, type ServerInForce } from '../../../src/config/in-force.ts';
import type { ServerConfig } from '../../../src/config/options.ts';
import { useWalConninfo } from '../../../src/server/wal-conninfo.ts';

const server = (options: Partial<ServerConfig>): ServerInForce =>
  putInForce({
    name: 'pg',
    active: false,
    backupOptions: new Set(),
    problems: [],
    logMessages: [],
    primarySshCommand: null,
    conninfo: 'host=main',
    streamingConninfo: 'host=main user=s',
    walConninfo: null,
    walStreamingConninfo: null,
    ...options,
  } as unknown as ServerConfig);

describe('useWalConninfo', () => {
  it('changes nothing when nothing is set', () => {
    const plain = server({});
    expect(useWalConninfo(plain)).toEqual({ server: plain, note: null });
  });

  it.each<[string, Partial<ServerConfig>, { conninfo: string; streamingConninfo: string; note: string }]>([
    [
      'the streaming one for both, without its password',
      { walStreamingConninfo: 'host=wal password=s3cr3t' },
      {
        conninfo: 'host=wal password=s3cr3t',
        streamingConninfo: 'host=wal password=s3cr3t',
        note: "Configuration overrides applied: 'streaming_conninfo' overridden with 'host=wal password=*REDACTED*' and 'conninfo' overridden with 'host=wal password=*REDACTED*'",
      },
    ],
    [
      'each for its own',
      { walStreamingConninfo: 'host=wal user=s', walConninfo: 'host=wal' },
      {
        conninfo: 'host=wal',
        streamingConninfo: 'host=wal user=s',
        note: "Configuration overrides applied: 'streaming_conninfo' overridden with 'host=wal user=s' and 'conninfo' overridden with 'host=wal'",
      },
    ],
    [
      'the SQL one alone',
      { walConninfo: 'host=wal' },
      {
        conninfo: 'host=wal',
        streamingConninfo: 'host=main user=s',
        note: "Configuration overrides applied: 'conninfo' overridden with 'host=wal'",
      },
    ],
  ])('uses %s', (_name, options, expected) => {
    const {
      server: { config: changed },
      note,
    } = useWalConninfo(server(options));
    expect({ conninfo: changed.conninfo, streamingConninfo: changed.streamingConninfo, note }).toEqual(expected);
  });
});
