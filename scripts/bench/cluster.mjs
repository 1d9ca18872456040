// A cluster of 1 GB to copy.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findPostgres } from '../prerequisites.mjs';

export const freePort = () =>
  new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

/** Runs `body({ bin, port, data })` beside a pgbench cluster in `folder`; user `bench`, trust on 127.0.0.1. */
export async function withBigCluster(folder, settings, body) {
  const bin = findPostgres();
  const port = await freePort();
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
  const lines = Object.entries({ max_wal_size: '4GB', fsync: 'off', autovacuum: 'off', ...settings });
  appendFileSync(
    join(data, 'postgresql.conf'),
    lines.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`).join(''),
  );
  const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1`;
  must('pg_ctl', '-D', data, '-w', '-o', options, '-l', join(folder, 'log'), 'start');
  try {
    const at = ['-h', '127.0.0.1', '-p', String(port), '-U', 'bench'];
    must('pgbench', ...at, '-i', '-q', '-s', '68', 'postgres');
    must('psql', '-X', ...at, '-d', 'postgres', '-c', 'VACUUM', '-c', 'CHECKPOINT');
    await body({ bin, port, data });
  } finally {
    spawnSync(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'], { stdio: 'ignore' });
  }
}
