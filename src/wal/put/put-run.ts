import type { KnownSystems } from '../../catalog/systems.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import type { ServerScope } from '../../server/scope.ts';

/** One put-wal. */
export interface PutRun {
  readonly scope: ServerScope;
  readonly settings: CodecSettings;
  /** ` in put-wal for server 'pg' (SSH host: 1.2.3.4)`: the end of every message. */
  readonly where: string;
  readonly systems: KnownSystems;
}
