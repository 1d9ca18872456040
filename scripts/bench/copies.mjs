// Backup and recovery of a 1 GB cluster, ours against the reference, each on a home of its own.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { withBigCluster } from './cluster.mjs';
import { medians } from './measure.mjs';

export async function benchCopies({ root, barman, reference, report }) {
  const folder = join(root, 'copies');
  await withBigCluster(folder, {}, async ({ bin, port }) => {
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
  });
}
