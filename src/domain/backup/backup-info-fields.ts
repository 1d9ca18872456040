/**
 * The fields of a backup record, one row each, in the order of the file. The type of a record, reading and writing it, its
 * JSON and what an older release does not write all follow from here. Source: docs/behaviour/catalog.md 3.
 */
import {
  backupId,
  type Codec,
  dict,
  idList,
  integer,
  lsn,
  message,
  quoted,
  raw,
  segment,
  segmentSize,
  statistics,
  status,
  tablespaces,
  texts,
  timestamp,
  version,
} from './backup-info-values.ts';

/** How old the releases are that write a field; whoever writes one of an age writes all of the ages before it. */
export type Age = 'first' | 'segment size' | 'parents';

export interface Field<T, Unset extends T | null = T | null> extends Codec<T> {
  readonly key: string;
  /** Of a record that does not have the field, or says `None`. */
  readonly unset: Unset;
  readonly since: Age;
  /** Left out of the file and of JSON while it is unset; all others say that they are. */
  readonly isHidden: boolean;
}

interface Particulars {
  readonly since?: Age;
  readonly isHidden?: boolean;
}

function field<T>(key: string, codec: Codec<T>, more: Particulars & { readonly unset: NoInfer<T> }): Field<T, T>;
function field<T>(key: string, codec: Codec<T>, more?: Particulars): Field<T, null>;
function field<T>(key: string, codec: Codec<T>, more: Particulars & { readonly unset?: NoInfer<T> } = {}): Field<T> {
  return { key, unset: null, since: 'first', isHidden: false, ...codec, ...more };
}

export const FIELDS = {
  backupLabel: field('backup_label', quoted),
  backupName: field('backup_name', raw, { since: 'segment size', isHidden: true }),
  beginOffset: field('begin_offset', integer),
  beginTime: field('begin_time', timestamp),
  beginWal: field('begin_wal', segment),
  beginXlog: field('begin_xlog', lsn),
  childrenBackupIds: field('children_backup_ids', idList, { since: 'parents' }),
  /** Bytes, as PostgreSQL counts its tablespaces. */
  clusterSize: field('cluster_size', integer, { since: 'parents' }),
  compression: field('compression', raw, { since: 'segment size' }),
  configFile: field('config_file', raw),
  copyStats: field('copy_stats', statistics),
  dataChecksums: field('data_checksums', raw, { since: 'parents' }),
  /** Bytes of those files that have one link only. */
  deduplicatedSize: field('deduplicated_size', integer),
  encryption: field('encryption', raw, { since: 'parents' }),
  endOffset: field('end_offset', integer),
  endTime: field('end_time', timestamp),
  endWal: field('end_wal', segment),
  endXlog: field('end_xlog', lsn),
  /** One line: why a FAILED backup failed. */
  error: field('error', message),
  hbaFile: field('hba_file', raw),
  identFile: field('ident_file', raw),
  includedFiles: field('included_files', texts),
  mode: field('mode', raw),
  parentBackupId: field('parent_backup_id', backupId, { since: 'parents' }),
  pgdata: field('pgdata', raw),
  serverName: field('server_name', raw),
  /** Bytes on disk of `base/<id>`. */
  size: field('size', integer),
  snapshotsInfo: field('snapshots_info', dict, { since: 'segment size', isHidden: true }),
  status: field('status', status, { unset: 'EMPTY' }),
  summarizeWal: field('summarize_wal', raw, { since: 'parents' }),
  systemid: field('systemid', raw, { since: 'segment size' }),
  tablespaces: field('tablespaces', tablespaces),
  timeline: field('timeline', integer),
  version: field('version', version),
  /** Bytes of one WAL segment. */
  xlogSegmentSize: field('xlog_segment_size', segmentSize, { unset: 16_777_216, since: 'segment size' }),
} as const;

type Fields = typeof FIELDS;
export type FieldName = keyof Fields;

/** What a row says of its values: null is one of them unless the field has a better value to be unset. */
type ValueOf<F> = F extends Field<infer T, infer Unset> ? T | Unset : never;

export type StoredFields = { readonly [Name in FieldName]: ValueOf<Fields[Name]> };

export const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

/** The row of a field for whoever treats all alike. */
export function fieldOf(name: FieldName): Field<unknown> {
  return FIELDS[name] as Field<unknown>;
}

/** Every field unset: what Barman saves first. */
export const UNSET_FIELDS = Object.fromEntries(FIELD_NAMES.map((name) => [name, FIELDS[name].unset])) as StoredFields;
