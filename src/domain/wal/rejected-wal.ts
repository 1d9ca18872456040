/** What is known of a WAL file that was rejected, and what may be done with it. */
import type { WalHeader } from './wal-header.ts';

/** What `--resolve` does; null: nothing, somebody has to look. */
type SafeAction = 'remove' | 'queue';

export interface JudgedReject {
  /** Its name in the errors directory. */
  readonly file: string;
  /** The WAL it claimed to be; null when that is no WAL name. */
  readonly walName: string | null;
  /** What its first page says; null for what is no plain or compressed WAL segment. */
  readonly header: WalHeader | null;
  /** To the archived file of the same name. */
  readonly relation: 'identical' | 'same records' | 'prefix' | 'longer' | 'different' | 'not archived' | 'no WAL';
  /** One sentence for a person. */
  readonly verdict: string;
  readonly action: SafeAction | null;
}
