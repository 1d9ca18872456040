// Backup and recovery of a 1 GB cluster, ours against the reference, each on a home of its own.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findPostgres } from '../prerequisites.mjs';
import { medians } from './measure.mjs';

const freePort = () =>
  new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

export async function benchCopies({ root, barman, reference, report }) {
  const bin = findPostgres();
  const port = await freePort();
  const folder = join(root, 'copies');
  const data = join(folder, 'data');
  mkdirSync(folder);
  const must = (name, ...args) => {
    const result = spawnSync(join(bin, name), args, {
      stdio: ['ignore', 'ignore', name === 'pg_ctl' ? 'ignore' : 'pipe'],
      encoding: 'utf8',
    });
    if (result.status !== 0) throw new Error(`${name} ${args.join(' ')} failed: ${result.stderr}`);
  };
  must('initdb', '-D', data, '-U', 'bench', '-A', 'trust', '-N', '--no-locale', '-E', 'UTF8');
  appendFileSync(join(data, 'postgresql.conf'), 'max_wal_size = 4GB\nfsync = off\nautovacuum = off\n');
  must(
    'pg_ctl',
    '-D',
    data,
    '-w',
    '-o',
    `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1`,
    '-l',
    join(folder, 'log'),
    'start',
  );
  try {
    const at = ['-h', '127.0.0.1', '-p', String(port), '-U', 'bench'];
    must('pgbench', ...at, '-i', '-q', '-s', '68', 'postgres');
    must('psql', '-X', ...at, '-d', 'postgres', '-c', 'CHECKPOINT');
    const sides = [barman, reference].map((program, index) => {
      const home = join(folder, `home${index}`);
      mkdirSync(home);
      const config = join(folder, `barman${index}.conf`);
      const connection = `host=127.0.0.1 port=${port} user=bench dbname=postgres`;
      writeFileSync(
        config,
        `[barman]\nbarman_user = ${userInfo().username}\nbarman_home = ${home}\nlog_file = ${home}/log\n\n[pg]\nconninfo = ${connection}\nbackup_method = postgres\nstreaming_archiver = on\nslot_name = side${index}\ncreate_slot = auto\nimmediate_checkpoint = true\npath_prefix = ${bin}\n`,
      );
      const run = (...args) => {
        const result = spawnSync(program, ['-c', config, ...args], { encoding: 'utf8' });
        return result.status;
      };
      run('-q', 'cron');
      for (let tries = 0; tries < 30 && run('-q', 'check', 'pg') !== 0; tries += 1) spawnSync('sleep', ['1']);
      return { program, config, destination: join(folder, `restored${index}`), run };
    });
    try {
      const backups = sides.map(({ program, config }) => ({ argv: [program, '-c', config, 'backup', 'pg'] }));
      const [ours, theirs] = await medians(backups, { runs: 3, warmup: 1 });
      report('backup, 1 GB', ours, theirs, 1, 'reference');
      for (const side of sides) side.run('switch-wal', '--force', '--archive', 'pg');
      const restores = sides.map(({ program, config, destination }) => ({
        argv: [program, '-c', config, 'recover', 'pg', 'latest', destination],
        destination,
      }));
      const [back, theirBack] = await medians(restores, {
        runs: 3,
        warmup: 1,
        between: async ({ destination }) => rmSync(destination, { recursive: true }),
      });
      report('recover, 1 GB', back, theirBack, 1, 'reference');
    } finally {
      for (const side of sides) side.run('receive-wal', '--stop', 'pg');
    }
  } finally {
    spawnSync(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'], { stdio: 'ignore' });
  }
}
