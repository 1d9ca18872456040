// barman-wal-archive and barman-wal-restore over a loopback sshd, each with its own Barman at the other end.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tsImport } from 'tsx/esm/api';
import { timeOnce } from './measure.mjs';

const SEGMENT = 16_777_216;
const SEGMENTS = 24;
const ROUNDS = 5;

const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];

/** Reports single segments, cold and with a shared connection, and a row of segments restored with prefetch. */
export async function benchClients({ reference, report }) {
  const support = (name) => tsImport(`../../test/support/${name}`, import.meta.url);
  const { startBarmanHost, clientProgram } = await support('barman-host.ts');
  const { walSegment } = await support('wal-files.ts');
  const host = await startBarmanHost();
  try {
    const names = Array.from(
      { length: SEGMENTS },
      (_, index) => `0000000100000001${index.toString(16).toUpperCase().padStart(8, '0')}`,
    );
    const archive = host.path('wals', '0000000100000001');
    mkdirSync(archive);
    for (const name of names) {
      const bytes = walSegment(name, { segmentSize: SEGMENT });
      for (const folder of [archive, host.local]) writeFileSync(join(folder, name), bytes);
    }
    const env = { ...host.sshd.env, TMPDIR: host.local };
    const programs = { ours: (name) => clientProgram(name), reference: (name) => join(reference, '..', name) };
    let answering;
    const call = async (who, name, options, ...args) => {
      if (who !== answering) await host.answerWith(who);
      answering = who;
      return timeOnce([programs[who](name), '-U', host.sshd.user, ...options, 'h', 'pg', ...args], env);
    };
    await singles('one 16 MB segment archived', `ssh -q -T h 'cat >/dev/null' <"$1"`, async (who, options, name) => {
      rmSync(archive, { recursive: true });
      mkdirSync(archive);
      for (const left of readdirSync(host.path('incoming'))) rmSync(host.path('incoming', left));
      return call(who, 'barman-wal-archive', options, join(host.local, name));
    });
    for (const name of names) writeFileSync(join(archive, name), walSegment(name, { segmentSize: SEGMENT }));
    const destination = join(host.local, 'RECOVERYXLOG');
    await singles('one 16 MB segment restored', 'ssh -q -T h cat "$1" >"$1.bare"', (who, options, name) =>
      call(who, 'barman-wal-restore', options, name, destination),
    );
    const row = async (who, options) => {
      let total = 0;
      for (const name of names) total += await call(who, 'barman-wal-restore', options, name, destination);
      return total / SEGMENTS;
    };
    const spool = (name) => ['-p', '8', '--spool-dir', join(host.local, name)];
    const plain = await row('reference', []);
    const batches = await row('reference', spool('theirs'));
    const ahead = await row('ours', spool('ours'));
    report(`a segment of ${SEGMENTS} restored with -p 8`, ahead, plain, 0.25, 'reference without -p');
    report(`a segment of ${SEGMENTS} restored with -p 8`, ahead, batches, 1, 'reference with -p 8');

    async function singles(title, bare, once) {
      const times = { theirs: [], ours: [], warm: [], bare: [] };
      const shared = ['--control-persist', '60'];
      await once('ours', shared, names[0]);
      for (let round = 0; round < ROUNDS; round += 1) {
        times.theirs.push(await once('reference', [], names[round]));
        times.ours.push(await once('ours', [], names[round]));
        times.warm.push(await once('ours', shared, names[round]));
        times.bare.push(timeOnce(['sh', '-c', bare, 'sh', join(host.local, names[round])], env));
      }
      const theirs = median(times.theirs);
      // What no client can do without: the login and the bytes.
      report(`${title}: ssh alone`, median(times.bare), theirs, 1, 'reference');
      report(title, median(times.ours), theirs, 0.6, 'reference');
      report(`${title}, warm`, median(times.warm), theirs, 0.3, 'reference');
    }
  } finally {
    await host.dispose();
  }
}
