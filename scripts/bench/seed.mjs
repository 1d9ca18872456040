// Catalogs and configurations to measure on.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** A configuration with `count` servers that nothing listens for. Returns its path. */
export function seedServers(root, count, section) {
  const home = join(root, 'home');
  mkdirSync(home, { recursive: true });
  const config = join(root, 'barman.conf');
  const names = Array.from({ length: count }, (_, index) => `server${String(index).padStart(3, '0')}`);
  const head = `[barman]\nbarman_user = ${userInfo().username}\nbarman_home = ${home}\nlog_file = ${join(root, 'barman.log')}\n\n`;
  writeFileSync(config, head + names.map((name) => `[${name}]\ndescription = Server ${name}\n${section}\n`).join('\n'));
  return { config, home, names };
}

const hex8 = (value) => value.toString(16).toUpperCase().padStart(8, '0');
const segment = (number) => `00000001${hex8(Math.floor(number / 256))}${hex8(number % 256)}`;

/** `backups` DONE backups spread over `wals` archived segments of server `name`. */
export function seedArchive(home, name, { backups, wals }) {
  for (const folder of ['base', 'meta', 'wals', 'incoming', 'streaming', 'errors'])
    mkdirSync(join(home, name, folder), { recursive: true });
  const file = join(home, name, 'wals', `${name}-xlog.db`);
  writeFileSync(file, '');
  for (let start = 0; start < wals; start += 10_000) {
    const lines = [];
    for (let number = start; number < Math.min(wals, start + 10_000); number += 1) {
      lines.push(`${segment(number + 1)}\t16777216\t${1_790_000_000 + number * 10}.25\tNone\tNone\n`);
    }
    appendFileSync(file, lines.join(''));
  }
  for (let log = 0; log <= Math.floor(wals / 256); log += 1)
    mkdirSync(join(home, name, 'wals', `00000001${hex8(log)}`), { recursive: true });
  writeFileSync(join(home, name, 'wals', segment(wals).slice(0, 16), segment(wals)), '');
  const step = Math.floor(wals / backups);
  for (let index = 0; index < backups; index += 1) {
    const id = `202601${String(index + 1).padStart(2, '0')}T040000`;
    const begin = index * step + 1;
    mkdirSync(join(home, name, 'base', id, 'data'), { recursive: true });
    writeFileSync(join(home, name, 'meta', `${id}-backup.info`), backupInfo(name, id, begin));
  }
}

/** `wals` small files in the archive of server `name`, as a compressed archive has them, and no index. */
export function seedWalFiles(home, name, wals) {
  const content = Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(61)]);
  for (let number = 1; number <= wals; number += 1) {
    const file = segment(number);
    const folder = join(home, name, 'wals', file.slice(0, 16));
    if (number === 1 || number % 256 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, file), content);
  }
}

function backupInfo(name, id, begin) {
  const day = id.slice(6, 8);
  const lsn = (number) =>
    `${Math.floor(number / 256)
      .toString(16)
      .toUpperCase()}/${((number % 256) * 16_777_216 + 0x28).toString(16).toUpperCase()}`;
  const fields = {
    backup_label: "'START WAL LOCATION'",
    begin_offset: 40,
    begin_time: `2026-01-${day} 04:00:00.000000+00:00`,
    begin_wal: segment(begin),
    begin_xlog: lsn(begin),
    children_backup_ids: 'None',
    cluster_size: 1_000_000_000,
    compression: 'None',
    config_file: '/data/postgresql.conf',
    copy_stats: "{'copy_time': 100.5, 'total_time': 100.5}",
    data_checksums: 'on',
    deduplicated_size: 1_000_000_000,
    encryption: 'None',
    end_offset: 40,
    end_time: `2026-01-${day} 04:10:00.000000+00:00`,
    end_wal: segment(begin + 2),
    end_xlog: lsn(begin + 2),
    error: 'None',
    hba_file: '/data/pg_hba.conf',
    ident_file: '/data/pg_ident.conf',
    included_files: 'None',
    mode: 'postgres',
    parent_backup_id: 'None',
    pgdata: '/data',
    server_name: name,
    size: 1_000_000_000,
    status: 'DONE',
    summarize_wal: 'None',
    systemid: '7710447625285483435',
    tablespaces: 'None',
    timeline: 1,
    version: 150018,
    xlog_segment_size: 16_777_216,
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
