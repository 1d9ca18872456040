/** switch-wal of both programs on one cluster: same words, same stream, same exit code. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

describe.skipIf(referenceFolder === undefined)('switch-wal beside the reference', () => {
  let cluster: Cluster;
  let box: Sandbox;

  beforeAll(async () => {
    cluster = await startCluster({ settings: { archive_mode: 'on', archive_command: 'true' } });
    await cluster.sql('CREATE ROLE plain LOGIN');
    box = await makeSandbox();
    const server = (name: string, conninfo: string, extra = '') =>
      `[${name}]\nconninfo = ${conninfo}\narchiver = on\nbackup_method = postgres\npath_prefix = ${cluster.binDir}\n${extra}\n`;
    await box.writeConfig(
      [
        server('main', cluster.conninfo),
        server('second', cluster.conninfo),
        server('down', 'host=127.0.0.1 port=1 user=barman dbname=postgres'),
        server('wrongpw', cluster.conninfo.replace('user=barman', 'user=nobody password=s3cr3t')),
        server('plain', cluster.conninfo.replace('user=barman', 'user=plain')),
        server('idle', cluster.conninfo, 'active = false'),
        server('bad', 'host=localhost port'),
        server('useless', cluster.conninfo, `primary_conninfo = ${cluster.conninfo}`),
        server('behind', 'host=127.0.0.1 port=1 user=barman', `primary_conninfo = ${cluster.conninfo}`),
        server('squeezed', cluster.conninfo, 'backup_compression = gzip\nbackup_compression_level = 12'),
      ].join('\n'),
    );
  });
  afterAll(async () => {
    await box.dispose();
    await cluster.dispose();
  });

  const normalised = ({ code, stdout, stderr }: ProgramResult) => ({
    code,
    stdout: stdout.replace(/[0-9A-F]{24}/g, 'WAL'),
    // We quote nothing of a connection string, and say where it stands and what is wrong with it.
    stderr: stderr
      .replace(/[0-9A-F]{24}/g, 'WAL')
      .replace(/: ("[^"]*"|'conninfo') is not a valid connection string( \(.*)?$/m, ': no valid connection string'),
  });

  it.each([
    ['something to switch', ['main'], true],
    ['nothing to switch', ['main'], false],
    ['--force', ['--force', 'main'], false],
    ['two servers, in order', ['second', 'main'], true],
    ['json', ['main'], true],
    ['a server that is down', ['down'], false],
    ['a role that does not exist', ['wrongpw'], false],
    ['a role without privileges', ['plain'], false],
    ['a role without privileges, --force', ['--force', 'plain'], false],
    ['an inactive server', ['idle'], false],
    ['a disabled and an unknown server', ['bad', 'nosuch', 'main'], true],
    ['a primary_conninfo beside a primary', ['useless'], true],
    ['a primary_conninfo beside a server that is down', ['behind'], true],
    ['a server disabled by its backup_compression', ['squeezed'], true],
    ['--archive, never received', ['--force', '--archive', '--archive-timeout', '1', 'main'], false],
  ])('%s', async (name, args, writes) => {
    const settle = async () => {
      await cluster.sql('SELECT pg_switch_wal()');
      if (writes) await cluster.sql("SELECT pg_create_restore_point('x')");
    };
    const format = name === 'json' ? ['-f', 'json'] : [];
    await settle();
    const theirs = normalised(await box.reference([...format, 'switch-wal', ...args]));
    await settle();
    const ours = normalised(await box.barman([...format, 'switch-wal', ...args]));
    expect(ours).toEqual(theirs);
  });
});
