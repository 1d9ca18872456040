/** What every command and operation is given: the only global there is. */
import type { Log } from '../host/log.ts';
import type { Config } from '../config/load.ts';
import type { Output } from '../output/output.ts';

export interface CommandContext {
  readonly configuration: Config;
  readonly output: Output;
  readonly log: Log;
  /** The clock, so that a test can set it. */
  readonly now: () => Date;
  /** Aborted by SIGINT or SIGTERM; `signal.reason` is the name of the signal, e.g. 'SIGINT'. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}
