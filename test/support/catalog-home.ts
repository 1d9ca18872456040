/** A server's tree below barman_home, made by hand: records as texts, WAL files and their index. Needs no PostgreSQL. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { provingPaths } from '../../src/domain/backup/backup-flaw.ts';
import { parseBackupInfo } from '../../src/domain/backup/backup-info-file.ts';

/** Keys of backup.info with their texts; a key that is left out gets the text of a complete postgres backup. */
export type RecordTexts = Readonly<Record<string, string>>;

export interface WalLine {
  readonly name: string;
  /** Bytes as the index says; the file itself holds its name only. */
  readonly size?: number;
  readonly time?: number;
  readonly compression?: string;
  /** Leave out the file, keep the line. */
  readonly missing?: boolean;
}

const COMPLETE: RecordTexts = {
  backup_label: "'START WAL LOCATION: 0/2000028\\n'",
  begin_offset: '40',
  begin_time: '2026-11-01 04:00:00.250000+00:00',
  begin_wal: '000000010000000000000002',
  begin_xlog: '0/2000028',
  children_backup_ids: 'None',
  cluster_size: '24072465',
  compression: 'None',
  config_file: '/srv/pg/postgresql.conf',
  copy_stats: "{'copy_time': 5.252141, 'total_time': 5.252141}",
  data_checksums: 'on',
  deduplicated_size: '23913625',
  encryption: 'None',
  end_offset: '0',
  end_time: '2026-11-01 04:00:05.713000+00:00',
  end_wal: '000000010000000000000002',
  end_xlog: '0/3000000',
  error: 'None',
  hba_file: '/srv/pg/pg_hba.conf',
  ident_file: '/srv/pg/pg_ident.conf',
  included_files: 'None',
  mode: 'postgres',
  parent_backup_id: 'None',
  pgdata: '/srv/pg',
  server_name: 'pg',
  size: '23913625',
  status: 'DONE',
  summarize_wal: 'None',
  systemid: '7710444428578650661',
  tablespaces: 'None',
  timeline: '1',
  version: '150008',
  xlog_segment_size: '16777216',
};

/** What a record holds that was saved before the backup started. */
export const UNSTARTED: RecordTexts = {
  ...Object.fromEntries(Object.keys(COMPLETE).map((key) => [key, 'None'])),
  mode: 'postgres',
  server_name: 'pg',
  status: 'EMPTY',
  systemid: '7710444428578650661',
  xlog_segment_size: '16777216',
};

/** The text of a backup.info: keys in order, `undefined` leaves one out. */
export function recordText(texts: RecordTexts = {}): string {
  const merged: Record<string, string> = { ...COMPLETE, ...texts };
  return Object.keys(merged)
    .sort()
    .map((key) => `${key}=${merged[key]}\n`)
    .join('');
}

/** Segment `number` of a timeline with 16 MiB segments: 0x102 -> `000000010000000100000002`. */
export function segment(number: number, timeline = 1): string {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
  return hex(timeline) + hex(Math.floor(number / 256)) + hex(number % 256);
}

/** begin and end keys of a backup that spans two segments of timeline 1. */
export function span(begin: number, end: number, timeline = 1): RecordTexts {
  return { begin_wal: segment(begin, timeline), end_wal: segment(end, timeline), timeline: String(timeline) };
}

/** Writes and extends the trees of servers below `home`. */
export function catalogHome(home: string) {
  const folder = (server: string, ...parts: string[]) => join(home, server, ...parts);
  const hashFolder = (name: string) => (name.endsWith('.history') ? '' : name.slice(0, 16));
  return {
    folder,

    /** meta/ID-backup.info and a base/ID with a small data directory. */
    async addBackup(server: string, id: string, texts: RecordTexts = {}): Promise<void> {
      await this.addRecord(server, id, recordText({ server_name: server, ...texts }));
      await mkdir(folder(server, 'base', id, 'data'), { recursive: true });
      await writeFile(folder(server, 'base', id, 'data', 'PG_VERSION'), '15\n');
      await mkdir(folder(server, 'base', id, 'data', 'global'), { recursive: true });
      await writeFile(folder(server, 'base', id, 'data', 'global', 'pg_control'), '');
      await this.addProofs(server, id, recordText(texts));
    },

    /** The files that prove that the backup of this record is whole. */
    async addProofs(server: string, id: string, record: string): Promise<void> {
      const info = parseBackupInfo(record, id, id);
      const place = { kind: 'directory', path: '/' } as const;
      for (const name of provingPaths(info, { base: place, wals: place })) {
        await mkdir(folder(server, 'base', id, dirname(name)), { recursive: true });
        if (/^\d+$/.test(name)) await mkdir(folder(server, 'base', id, name), { recursive: true });
        else await writeFile(folder(server, 'base', id, name), '');
      }
    },

    /** Just the record, with any text. */
    async addRecord(server: string, id: string, text: string): Promise<void> {
      for (const name of ['meta', 'base', 'wals', 'incoming', 'streaming', 'errors']) {
        await mkdir(folder(server, name), { recursive: true });
      }
      await writeFile(folder(server, 'meta', `${id}-backup.info`), text);
    },

    async addKeep(server: string, id: string, target: string): Promise<void> {
      await writeFile(folder(server, 'meta', `${id}-keep`), target);
    },

    /** The archive: every file and the index, in the given order. */
    async writeWals(server: string, lines: readonly WalLine[]): Promise<void> {
      await mkdir(folder(server, 'wals'), { recursive: true });
      for (const { name, missing } of lines) {
        if (missing) continue;
        await mkdir(folder(server, 'wals', hashFolder(name)), { recursive: true });
        await writeFile(folder(server, 'wals', hashFolder(name), name), name);
      }
      const text = lines.map(({ name, size = 16_777_216, time = 1_793_505_600, compression = 'None' }) => {
        const stamp = Number.isInteger(time) ? `${time}.0` : String(time);
        return `${name}\t${size}\t${stamp}\t${compression}\tNone\n`;
      });
      await writeFile(folder(server, 'wals', `${server}-xlog.db`), text.join(''));
    },
  };
}

export type CatalogHome = ReturnType<typeof catalogHome>;

/** Lines for the plain segments `from` to `to` of a timeline, `step` seconds apart. */
export function segments(from: number, to: number, timeline = 1, step = 60): WalLine[] {
  const lines: WalLine[] = [];
  for (let number = from; number <= to; number += 1) {
    lines.push({ name: segment(number, timeline), time: 1_793_505_600 + number * step + 0.25 });
  }
  return lines;
}
