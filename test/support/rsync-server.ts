/** A cluster with two tablespaces whose base backups go through a real sshd, and whose WAL is pushed. */
import { rm } from 'node:fs/promises';
import { type ArchivingServer, startArchivingServer } from './archiving-server.ts';
import { temporaryFolder } from './cluster.ts';
import { type Sshd, startSshd } from './sshd.ts';

export interface RsyncServer extends ArchivingServer {
  readonly sshd: Sshd;
  /** Where the tablespaces `near` and `far` are. */
  readonly locations: readonly [string, string];
  /** Writes the configuration of server pg: rsync by way of sshd, with these lines more. */
  configure(extra?: string, method?: 'rsync' | 'local-rsync'): Promise<void>;
}

export async function startRsyncServer(): Promise<RsyncServer> {
  const [sshd, server, near, far] = await Promise.all([
    startSshd(),
    startArchivingServer(),
    temporaryFolder('near'),
    temporaryFolder('far'),
  ]);
  const { cluster, box } = server;
  await cluster.sql(`CREATE TABLESPACE near LOCATION '${near}'`);
  await cluster.sql(`CREATE TABLESPACE far LOCATION '${far}'`);
  await cluster.sql('CREATE TABLE here AS SELECT generate_series(1, 1000) AS n');
  await cluster.sql('CREATE TABLE nearby TABLESPACE near AS SELECT generate_series(1, 2000) AS n');
  await cluster.sql('CREATE TABLE away TABLESPACE far AS SELECT generate_series(1, 3000) AS n');
  const configure = (extra = '', method: 'rsync' | 'local-rsync' = 'rsync') =>
    box.writeConfig(
      [
        '[pg]',
        `conninfo = ${cluster.conninfo}`,
        `backup_method = ${method}`,
        ...(method === 'rsync' ? [`ssh_command = ${sshd.sshCommand} pghost`] : []),
        'backup_options = concurrent_backup',
        'archiver = on',
        'immediate_checkpoint = true',
        `path_prefix = ${cluster.binDir}`,
        extra,
        '',
      ].join('\n'),
    );
  await configure();
  return {
    ...server,
    sshd,
    locations: [near, far],
    configure,
    dispose: async () => {
      await server.dispose();
      await sshd.dispose();
      await Promise.all([near, far].map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
}
