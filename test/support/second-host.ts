/**
 * Another machine with another PostgreSQL, as the environment names it (see docs/second-host.md): a cluster with two
 * tablespaces over there, our Barman and an sshd here, and the client programs that lead back.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sshExecutor } from '../../src/host/executor/openssh.ts';
import { askSshSettings, settingOf } from '../../src/host/executor/ssh-config.ts';
import type { Command } from '../../src/host/executor.ts';
import { splitShellWords } from '../../src/domain/text/shell-words.ts';
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { type BarmanHost, type Client, clientProgram, startBarmanHost } from './barman-host.ts';
import { freePort, postgresBinDir } from './cluster.ts';
import { runProgram } from './sandbox.ts';

const { env } = process;
/** The ssh command that leads to the user there who runs PostgreSQL. */
export const secondHost = env.BARMAN_SECOND_HOST || undefined;
/** The folder of Barman's own client programs there. */
export const referenceThere = env.BARMAN_SECOND_HOST_BARMAN || undefined;
/** How long a load lasts, seconds. */
export const loadSeconds = Number(env.BARMAN_SECOND_HOST_SECONDS || 120);

export interface SecondHost {
  readonly here: BarmanHost;
  /** Of the running cluster. */
  readonly dataDir: string;
  /** For everything over there; removed by dispose. */
  readonly folder: string;
  /** Writes `[pg]` with these lines more. */
  configure(...lines: readonly string[]): Promise<void>;
  /** A client program over there, with the user here. */
  client(make: 'ours' | 'reference', name: Client): string;
  /** A shell script with arguments over there; its output, trimmed. @throws Error with what it said */
  sh(script: string, ...args: readonly string[]): Promise<string>;
  /** On the cluster, or on another one over there. */
  sql(text: string, port?: number): Promise<string>;
  /** A number for every row of pgbench. */
  digest(port?: number): Promise<string>;
  /** Looks at every relation with pg_amcheck. @throws Error with what it found */
  amcheck(port: number): Promise<void>;
  /** pgbench for so many seconds; resolves to its transactions. */
  load(seconds: number, ...args: readonly string[]): Promise<number>;
  /** How many segments wait to be archived. */
  waiting(): Promise<number>;
  /** Every segment so far is archived. */
  archiveAll(): Promise<void>;
  /** Starts PostgreSQL on a restored directory; resolves to its port. */
  start(dataDir: string): Promise<number>;
  stop(dataDir: string): Promise<void>;
  dispose(): Promise<void>;
}

const DIGEST = ['accounts', 'branches', 'tellers', 'history']
  .map((name) => `(SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM pgbench_${name} t)`)
  .join(" || ', ' || ");

export async function startSecondHost(): Promise<SecondHost> {
  const command = secondHost ?? '';
  const bin = env.BARMAN_SECOND_HOST_PG ?? '';
  const clients = env.BARMAN_SECOND_HOST_CLIENTS || postgresBinDir();
  const firstAddress = env.BARMAN_FIRST_HOST || '127.0.0.1';
  const there = sshExecutor({ command, env });
  const settings = await askSshSettings(splitShellWords(command) as unknown as Command, env);
  const address = (settings && settingOf(settings, 'hostname')) ?? '127.0.0.1';
  const sh = async (script: string, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await there.run(['sh', '-c', script, 'sh', ...args]);
    if (code !== 0) throw new Error(`on the second host, ${script} ${args.join(' ')}: ${code}\n${stdout}${stderr}`);
    return stdout.trim();
  };
  const here = await startBarmanHost({ listenAddress: firstAddress });
  const folder = await sh('mktemp -d /tmp/barman-second-XXXXXX');
  const dataDir = join(folder, 'data');
  const port = await freePort();
  const start = async (directory: string, at: number) => {
    const script =
      'PATH="$1/bin:$PATH" "$2/pg_ctl" -D "$3" -w -t 120 -l "$3.log" -o "-p $4 -k $1" start >/dev/null 2>&1 </dev/null || { tail -20 "$3.log" >&2; exit 1; }';
    await sh(script, folder, bin, directory, String(at));
  };
  const stop = (directory: string) => sh('"$1/pg_ctl" -D "$2" -w -m fast stop >/dev/null', bin, directory);
  const sql = async (text: string, at = port) => {
    const args = ['-XAt', '-v', 'ON_ERROR_STOP=1', '-h', address, '-p', String(at), '-U', 'postgres', '-c', text];
    const { code, stdout, stderr } = await runProgram(join(clients, 'psql'), [...args, 'postgres']);
    if (code !== 0) throw new Error(`${text}: ${stderr}`);
    return stdout.trim();
  };

  const put = async (name: string, content: string | Buffer, mode: number) =>
    there.writeFile(join(folder, name), content, mode);
  await sh('mkdir "$1/bin" "$1/near" "$1/far"', folder);
  for (const name of ['barman-wal-archive', 'barman-wal-restore'] as const) {
    await put(`bin/${name}`, await readFile(clientProgram(name)), 0o755);
  }
  await put('bin/ssh', `#!/bin/sh\nexec /usr/bin/ssh -F ${folder}/ssh_config "$@"\n`, 0o755);
  await put('client_key', await readFile(join(here.sshd.root, 'client_key')), 0o600);
  await put('known_hosts', await readFile(join(here.sshd.root, 'known_hosts')), 0o600);
  const client = [
    'Host *',
    `HostName ${firstAddress}`,
    `Port ${here.sshd.port}`,
    `User ${here.sshd.user}`,
    `IdentityFile ${folder}/client_key`,
    'IdentitiesOnly yes',
    `UserKnownHostsFile ${folder}/known_hosts`,
    'StrictHostKeyChecking yes',
  ];
  await put('ssh_config', `${client.join('\n')}\n`, 0o600);

  await sh('"$1/initdb" -D "$2" -U postgres -A trust -N --no-locale -E UTF8', bin, dataDir);
  const lines = [
    `listen_addresses = '${address}'`,
    "archive_mode = 'on'",
    "archive_command = ''",
    "max_wal_size = '1GB'",
    // The segments stay, to be compared with the archive.
    "wal_keep_size = '100GB'",
    "wal_retrieve_retry_interval = '500ms'",
  ];
  const peer = /^[\d.]+$/.test(firstAddress) ? `${firstAddress}/32` : firstAddress;
  const doors = ['all', 'replication'].map((name) => `host ${name} all ${peer} trust`);
  await sh('printf "%s\\n" "$2" >> "$1/postgresql.conf"', dataDir, lines.join('\n'));
  await sh('printf "%s\\n" "$2" >> "$1/pg_hba.conf"', dataDir, doors.join('\n'));
  await start(dataDir, port);
  await sql('CREATE ROLE barman SUPERUSER LOGIN');
  await sql('CREATE ROLE streaming_barman REPLICATION LOGIN');
  for (const name of ['near', 'far']) await sql(`CREATE TABLESPACE ${name} LOCATION '${folder}/${name}'`);
  const fill = '"$1/pgbench" -q -h "$2" -p "$3" -U postgres -i -s 5 --tablespace=near --index-tablespace=far postgres';
  await sh(fill, bin, address, String(port));

  return {
    here,
    dataDir,
    folder,
    configure: (...more) =>
      here.box.writeConfig(
        [
          '[pg]',
          `conninfo = host=${address} port=${port} user=barman dbname=postgres`,
          `streaming_conninfo = host=${address} port=${port} user=streaming_barman dbname=postgres`,
          `ssh_command = ${command}`,
          `path_prefix = ${clients}`,
          'archiver = on',
          'backup_options = concurrent_backup',
          'immediate_checkpoint = true',
          ...more,
          '',
        ].join('\n'),
      ),
    client: (make, name) =>
      `${make === 'ours' ? join(folder, 'bin') : (referenceThere ?? '')}/${name} -U ${here.sshd.user}`,
    sh,
    sql,
    digest: (at) => sql(`SELECT ${DIGEST}`, at),
    amcheck: async (at) => {
      const script = '"$1/pg_amcheck" -h "$2" -p "$3" -U postgres --heapallindexed postgres';
      expect(await sh(script, bin, address, String(at))).toBe('');
    },
    load: async (seconds, ...args) => {
      const script = '"$1/pgbench" -h "$2" -p "$3" -U postgres -n -c 2 -T "$4" $5 postgres';
      const said = await sh(script, bin, address, String(port), String(seconds), args.join(' '));
      return Number(/actually processed: (\d+)/.exec(said)?.[1]);
    },
    waiting: async () => Number(await sql("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")),
    archiveAll: async () => {
      // From PostgreSQL 17 on the position of an empty segment has that segment's name: it must not be empty.
      await sql("SELECT pg_logical_emit_message(false, 'test', 'x')");
      const last = await sql('SELECT pg_walfile_name(pg_switch_wal())');
      const done = async () => (await sql('SELECT last_archived_wal FROM pg_stat_archiver')) >= last;
      await eventually('every segment is archived', done, 900).catch(async (error: unknown) => {
        throw new Error(await sh('tail -20 "$1.log"', dataDir), { cause: error });
      });
    },
    start: async (directory) => {
      const at = await freePort();
      await start(directory, at);
      return at;
    },
    stop: async (directory) => {
      await stop(directory);
    },
    dispose: async () => {
      // Every cluster over there, restored ones too.
      await sh(
        'for pid in "$1"/postmaster.pid "$1"/*/postmaster.pid "$1"/*/*/postmaster.pid; do [ -f "$pid" ] && "$2/pg_ctl" -D "${pid%/*}" -m immediate stop; done; rm -rf "$1"',
        folder,
        bin,
      );
      await there.close();
      await here.dispose();
    },
  };
}

/** A new directory for a restore over there, and the words that lead a restore of server pg into it. */
export function destination(second: SecondHost, backupId: string): { dataDir: string; args: readonly string[] } {
  const place = join(second.folder, randomUUID().slice(0, 8));
  const spaces = ['near', 'far'].flatMap((name) => ['--tablespace', `${name}:${place}/${name}`]);
  const dataDir = `${place}/d`;
  return { dataDir, args: ['restore', 'pg', backupId, dataDir, ...spaces, '--remote-ssh-command', secondHost ?? ''] };
}
