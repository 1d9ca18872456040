// rsync backups of a 1 GB cluster through a real sshd, ours against the reference, each on a home of its own.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, withBigCluster } from './cluster.mjs';
import { medians } from './measure.mjs';

/** An sshd of this user on a free port; returns the ssh command that leads to it. */
async function startSshd(folder) {
  mkdirSync(folder);
  const path = (name) => join(folder, name);
  for (const name of ['host', 'client']) spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(name)]);
  copyFileSync(path('client.pub'), path('authorized'));
  const port = await freePort();
  const server = `Port ${port}\nListenAddress 127.0.0.1\nHostKey ${path('host')}\nAuthorizedKeysFile ${path('authorized')}\nPidFile none\nUsePAM no\nStrictModes no\n`;
  writeFileSync(path('sshd_config'), server);
  const client = `Host *\n HostName 127.0.0.1\n Port ${port}\n User ${userInfo().username}\n IdentityFile ${path('client')}\n IdentitiesOnly yes\n UserKnownHostsFile ${path('known')}\n GlobalKnownHostsFile /dev/null\n`;
  writeFileSync(path('config'), client);
  const daemon = spawn('/usr/sbin/sshd', ['-D', '-f', path('sshd_config'), '-E', path('log')], { stdio: 'ignore' });
  const login = ['-F', path('config'), '-o', 'StrictHostKeyChecking=no', 'h', 'true'];
  for (let tries = 0; spawnSync('ssh', login).status !== 0; tries += 1) {
    if (tries > 50) throw new Error('the sshd of the measurement does not answer');
    spawnSync('sleep', ['0.1']);
  }
  return { command: `ssh -F ${path('config')} h`, stop: () => daemon.kill() };
}

export async function benchRsync({ root, barman, reference, report }) {
  const folder = join(root, 'rsync');
  const home = (index) => join(root, `rsync-home${index}`);
  const incoming = [0, 1].map((index) => join(home(index), 'pg', 'incoming'));
  for (const path of incoming) mkdirSync(path, { recursive: true });
  const archive_command = incoming.map((path) => `cp %p ${path}/%f.tmp && mv ${path}/%f.tmp ${path}/%f`).join(' && ');
  await withBigCluster(folder, { archive_mode: 'on', archive_command }, async ({ bin, port }) => {
    const sshd = await startSshd(join(folder, 'sshd'));
    try {
      const sides = [barman, reference].map((program, index) => {
        const config = join(home(index), 'barman.conf');
        const connection = `host=127.0.0.1 port=${port} user=bench dbname=postgres`;
        writeFileSync(
          config,
          `[barman]\nbarman_user = ${userInfo().username}\nbarman_home = ${home(index)}\nlog_file = ${home(index)}/log\n\n[pg]\nconninfo = ${connection}\nssh_command = ${sshd.command}\nbackup_method = rsync\nbackup_options = concurrent_backup\narchiver = on\nimmediate_checkpoint = true\npath_prefix = ${bin}\n`,
        );
        for (let tries = 0; tries < 30; tries += 1) {
          if (spawnSync(program, ['-c', config, '-q', 'check', 'pg']).status === 0) break;
          spawnSync('sleep', ['1']);
        }
        return (...options) => ({ argv: [program, '-c', config, 'backup', ...options, 'pg'] });
      });
      const measure = async (name, ...options) => {
        const commands = sides.map((backup) => backup(...options));
        const [ours, theirs] = await medians(commands, { runs: 3, warmup: 1 });
        report(name, ours, theirs, 1, 'reference');
      };
      await measure('rsync backup, 1 GB');
      await measure('rsync backup, 1 GB, unchanged, linked', '--reuse-backup', 'link');
    } finally {
      sshd.stop();
    }
  });
}
