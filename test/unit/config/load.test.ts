import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, loadConfig, readMainFile } from '../../../src/config/load.ts';
import { overrideConfig, type ServerConfig } from '../../../src/config/options.ts';

let root: string;
let home: string;
let main: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'barman-config-'));
  home = join(root, 'home');
  main = join(root, 'barman.conf');
  await mkdir(join(root, 'conf.d'), { recursive: true });
  await mkdir(home);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function load(sections: string, global = ''): Promise<Config> {
  await writeFile(main, `[barman]\nbarman_home = ${home}\n${global}\n${sections}`);
  return loadConfig(readMainFile({ path: main, env: {} }));
}

const include = (name: string, text: string) => writeFile(join(root, 'conf.d', name), text);
const including = () => `configuration_files_directory = ${root}/conf.d`;

function server(config: Config, name: string): ServerConfig {
  const found = config.servers.get(name);
  if (!found) throw new Error(`no server ${name}`);
  return found;
}

describe('readMainFile', () => {
  it('takes -c, then BARMAN_CONFIG_FILE, then ~/.barman.conf', async () => {
    const write = (path: string, user: string) =>
      writeFile(path, `[barman]\nbarman_user = ${user}\nbarman_home = ${home}\n`);
    await write(main, 'option');
    await write(join(root, 'env.conf'), 'variable');
    await write(join(root, '.barman.conf'), 'tilde');
    const env = { HOME: root, BARMAN_CONFIG_FILE: join(root, 'env.conf') };
    expect(readMainFile({ path: main, env }).global.barmanUser).toBe('option');
    expect(readMainFile({ env }).global.barmanUser).toBe('variable');
    expect(readMainFile({ env: { ...env, BARMAN_CONFIG_FILE: '' } }).global.barmanUser).toBe('tilde');
  });

  it('says what is missing', async () => {
    const fatal = (message: string) =>
      expect.objectContaining({ name: 'FatalConfigError', message, exitCode: 1 }) as Error;
    expect(() => readMainFile({ path: `${root}/no.conf`, env: {} })).toThrow(
      fatal(`Configuration file '${root}/no.conf' does not exist`),
    );
    expect(() => readMainFile({ path: root, env: {} })).toThrow("No section: 'barman'");
    await writeFile(main, '[Barman]\n');
    expect(() => readMainFile({ path: main, env: {} })).toThrow("No section: 'barman'");
    await writeFile(main, Buffer.from('[barman]\na = \xe9\n', 'latin1'));
    expect(() => readMainFile({ path: main, env: {} })).toThrow(
      `'utf-8' codec can't decode byte 0xe9 in position 13: invalid continuation byte (${main}, line 2)`,
    );
    await writeFile(main, '[barman]\nlock_directory_cleanup = maybe\n');
    expect(() => readMainFile({ path: main, env: {} })).toThrow(
      'Invalid boolean representation (must be one in: true|t|yes|1|on | false|f|no|0|off)',
    );
  });

  it('names the included file, and the line, that is no UTF-8', async () => {
    await include('a.conf', '[a]\n');
    await include('b.conf', '');
    await writeFile(join(root, 'conf.d', 'b.conf'), Buffer.from('[b]\n; ok\ndescription = caf\xe9\n', 'latin1'));
    await expect(load('', including())).rejects.toThrow(`byte (${root}/conf.d/b.conf, line 3)`);
  });

  it('knows where an option was written: the server, a model, [barman]', async () => {
    await include('a.conf', '\n[a]\nslot_name = x\n');
    const config = await load('[a]\nslot_name = y\narchiver = on\n', `${including()}\nparallel_jobs = 2`);
    const { originOf } = server(config, 'a');
    expect(originOf('slot_name')).toEqual({ file: `${root}/conf.d/a.conf`, line: 3 });
    expect(originOf('parallel_jobs')).toMatchObject({ file: main });
    expect(originOf('compression')).toBeUndefined();
  });

  it('reads the global options, unquoted, with their defaults', async () => {
    await writeFile(main, `[barman]\nbarman_home = "${home}"\nlog_format = %%%%(message)s\nlog_file =\n`);
    expect(readMainFile({ path: main, env: {} }).global).toEqual({
      barmanHome: home,
      barmanUser: 'barman',
      barmanLockDirectory: home,
      lockDirectoryCleanup: true,
      configChangesQueue: `${home}/cfg_changes.queue`,
      configurationFilesDirectory: null,
      logFile: null,
      logLevel: 'INFO',
      logFormat: '%(message)s',
    });
    expect(loadConfig(readMainFile({ path: main, env: {} })).warnings).toEqual([]);
  });
});

describe('loadConfig', () => {
  it('needs barman_home', async () => {
    await writeFile(main, '[barman]\nbarman_home =\n');
    expect(() => loadConfig(readMainFile({ path: main, env: {} }))).toThrow(
      'Parameter "barman_home" is required in [barman] section.\nYour configuration is missing required parameters. Exiting.',
    );
  });

  it('orders values: own section, [barman], default', async () => {
    const config = await load(
      '[b]\nparallel_jobs = 3\ncompression =\n[a]\nconninfo = host=x\nslot_name = "S1"\n',
      'parallel_jobs = 7\ncompression = gzip\nconninfo = ignored\nlast_wal_maximum_age = 1 HOUR',
    );
    expect([...config.servers.keys()]).toEqual(['a', 'b']);
    expect(server(config, 'a')).toMatchObject({
      parallelJobs: 7,
      compression: 'gzip',
      conninfo: 'host=x',
      streamingConninfo: 'host=x',
      slotName: 's1',
      lastWalMaximumAge: 3600,
      backupDirectory: `${home}/a`,
      walsDirectory: { kind: 'directory', path: `${home}/a/wals` },
      xlogdbDirectory: { kind: 'directory', path: `${home}/a/wals` },
      cluster: 'a',
      keepaliveInterval: 60,
    });
    expect(server(config, 'b')).toMatchObject({
      parallelJobs: 3,
      compression: null,
      conninfo: null,
      streamingConninfo: null,
    });
    expect(config.warnings).toEqual([]);
  });

  it('passes over bad values and unknown names with a warning, in file order', async () => {
    const config = await load(
      '[z]\nnonsense = 1\nparallel_jobs = x\n[a]\nmodel = off\n[m]\nmodel = on\ncluster = c\nbackup_directory = /x\n',
      'parallel_jobs = 4\nodd = 1',
    );
    expect(config.warnings).toEqual([
      'Invalid configuration option "odd" in [barman] section.',
      'Invalid configuration option "nonsense" in [z] section.',
      "Ignoring invalid configuration value 'x' for key parallel_jobs in [z] section: invalid literal for int() with base 10: 'x'",
      'Invalid configuration option "model" in [a] section.',
      'Invalid configuration option "backup_directory" in [m] section.',
    ]);
    expect(server(config, 'z').parallelJobs).toBe(4);
  });

  it('keeps the default of what it cannot do without', async () => {
    const config = await load(
      '[a]\nbackup_directory =\nwals_directory = None\nminimum_redundancy =\nstreaming_archiver_name =\n',
    );
    expect(server(config, 'a')).toMatchObject({
      backupDirectory: `${home}/a`,
      walsDirectory: { kind: 'directory', path: `${home}/a/wals` },
      minimumRedundancy: 0,
      streamingArchiverName: 'barman_receive_wal',
    });
  });

  it('reads late options to the log', async () => {
    const config = await load(
      '[a]\nbandwidth_limit = 10k\ntablespace_bandwidth_limit = a:1 b c:x a:2\nminimum_redundancy = -1\n' +
        'retention_policy = 7 DAYS\nwal_retention_policy = base\nretention_policy_mode = manual\n' +
        '[b]\nbandwidth_limit = 5\ntablespace_bandwidth_limit = a:5 b:6\nretention_policy = redundancy 02\n',
    );
    const a = server(config, 'a');
    expect(a).toMatchObject({
      bandwidthLimit: null,
      tablespaceBandwidthLimit: new Map([['a', 2]]),
      minimumRedundancy: 0,
      retentionPolicy: { text: '7 DAYS', policy: null },
      retentionPolicyMode: 'auto',
      walRetentionPolicy: 'main',
    });
    expect(a.logMessages.map(({ level, text }) => `${level} ${text}`)).toEqual([
      'warning Invalid bandwidth_limit "10k" for server "a" (fallback to "0")',
      "warning Invalid tablespace_bandwidth_limit rule 'b'",
      "warning Invalid tablespace_bandwidth_limit rule 'c:x'",
      'warning Negative value of minimum_redundancy "-1" for server "a" (fallback to "0")',
      'warning Unsupported retention_policy_mode "manual" for server "a" (fallback to "auto")',
      'warning Unsupported wal_retention_policy value "base" for server "a" (fallback to "main")',
      'error Invalid retention_policy setting "7 DAYS" for server "a"',
    ]);
    expect(server(config, 'b')).toMatchObject({
      bandwidthLimit: 5,
      tablespaceBandwidthLimit: new Map([['b', 6]]),
      retentionPolicy: { text: 'redundancy 02', policy: { kind: 'redundancy', count: 2 } },
      walRetentionPolicy: 'MAIN',
      logMessages: [],
    });
  });

  it('merges included files in byte order, .barman.auto.conf last, and knows every source', async () => {
    await include('b.conf', '[s]\ndescription = b\nslot_name = from_b\n');
    await include('B.conf', '[s]\ndescription = B\nparallel_jobs = 2\n');
    await include('.hidden.conf', '[hidden]\n');
    await include('other.txt', '[other]\n');
    await mkdir(join(root, 'conf.d', 'dir.conf'));
    await symlink('nowhere', join(root, 'conf.d', 'gone.conf'));
    await writeFile(join(home, '.barman.auto.conf'), '[s]\nslot_name = auto\n');
    const config = await load('[s]\narchiver = on\n', including());
    expect([...config.servers.keys()]).toEqual(['s']);
    expect(server(config, 's')).toMatchObject({ description: 'b', slotName: 'auto', parallelJobs: 2, archiver: true });
    expect(config.sourceOf('s', 'slot_name')).toBe(join(home, '.barman.auto.conf'));
    expect(config.sourceOf('s', 'description')).toBe(`${root}/conf.d/b.conf`);
    expect(config.sourceOf('s', 'archiver')).toBe(main);
    expect(config.sourceOf('s', 'compression')).toBeUndefined();
    expect(config.logMessages.map(({ level, text }) => `${level} ${text}`)).toEqual([
      'debug Including configuration file: B.conf',
      'debug Including configuration file: b.conf',
      'warning Discarding configuration file: dir.conf (not a file)',
      'warning Discarding configuration file: gone.conf (not found)',
      'debug Including configuration file: .barman.auto.conf',
    ]);
  });

  it('resolves the second % with the merged section', async () => {
    await include('1.conf', '[s]\ndescription = %%(slot_name)s 100%%%%\n');
    await include('2.conf', '[s]\nslot_name = late\n');
    expect(server(await load('', including()), 's').description).toBe('late 100%');
    await include('1.conf', '[s]\ndescription = %%(name)s\n');
    const unresolved = await load('', `${including()}\nodd = 1`);
    expect(() => unresolved.servers).toThrow(
      'conf.d/1.conf, line 2) contains an interpolation key which is not a valid option name',
    );
    expect(unresolved.warnings).toEqual(['Invalid configuration option "odd" in [barman] section.']);
  });

  it('refuses an included file that changes [barman], and a server called all', async () => {
    await include('x.conf', '[barman]\n[s]\n');
    expect([...(await load('', including())).servers.keys()]).toEqual(['s']);
    await include('x.conf', '[barman]\nlog_level = DEBUG\n');
    await expect(load('', including())).rejects.toThrow(
      'FATAL: the configuration file x.conf contains a not empty [barman] section',
    );
    const reserved = await load('[all]\n');
    expect(() => reserved.conflicts).toThrow(
      "FATAL: the reserved word 'all' is not allowed as server name.Please rename it.",
    );
  });

  it.skipIf(process.getuid?.() === 0)('says which included file it may not read', async () => {
    await include('x.conf', '[s]\n');
    await chmod(join(root, 'conf.d', 'x.conf'), 0);
    const config = await load('', including());
    expect(config.warnings).toEqual([`Discarding configuration file: ${root}/conf.d/x.conf (cannot be read: EACCES)`]);
  });

  it('finds directories that are shared, through symbolic links, nested ones excepted', async () => {
    await symlink(join(home, 'one'), join(home, 'link'));
    const config = await load(
      `[one]\n[two]\nbackup_directory = ${home}/link\nwals_directory = ${home}/two/wals\nerrors_directory = ${home}/two/wals\n` +
        `[three]\nbasebackups_directory = s3://bucket/x\nwals_directory = s3://bucket/x\nincoming_wals_directory = ${home}/one/wals/in\n`,
    );
    const conflict = (label: string, path: string) =>
      `Conflicting path: ${label}=${home}/link${path} (symlink to: ${home}/one${path}) for server 'two' conflicts with '${label}' for server 'one'`;
    expect(config.conflicts).toEqual([
      conflict('backup_directory', ''),
      conflict('basebackups_directory', '/base'),
      conflict('incoming_wals_directory', '/incoming'),
      conflict('streaming_wals_directory', '/streaming'),
    ]);
    expect(server(config, 'two')).toMatchObject({
      disabled: true,
      problems: [
        `Conflicting path: wals_directory=${home}/two/wals conflicts with 'errors_directory' for server 'two'`,
      ],
    });
    expect(server(config, 'three').problems).toEqual([]);
  });

  it('applies the active model', async () => {
    const model =
      '[m1]\nmodel = on\ncluster = c\nconninfo = host=new\nparallel_jobs = 4\ndescription =\nretention_policy = REDUNDANCY 3\n';
    await mkdir(join(home, 's'));
    await writeFile(join(home, 's', '.active-model.auto'), 'm1\n');
    const config = await load(`${model}[s]\ncluster = c\nconninfo = host=old\ndescription = d\nslot_name = q\n`);
    expect(server(config, 's')).toMatchObject({
      activeModel: 'm1',
      conninfo: 'host=new',
      parallelJobs: 4,
      description: 'd',
      slotName: 'q',
      retentionPolicy: { text: 'REDUNDANCY 3', policy: { kind: 'redundancy', count: 3 } },
    });
    expect([...config.models.keys()]).toEqual(['m1']);
    const strange = await load(`${model}[s]\nconninfo = host=old\n`);
    expect(strange.errors).toEqual([
      "Model 'm1' has 'cluster=c', which is not compatible with 'cluster=s' from server 's'",
    ]);
    expect(server(strange, 's')).toMatchObject({ activeModel: null, conninfo: 'host=old', problems: [] });
    expect(server(await load('[s]\n'), 's').problems).toEqual([
      "Model 'm1' is set as the active model for the server 's' but the model does not exist.",
    ]);
    const incomplete = await load('[m2]\nmodel = yes\n');
    expect(() => incomplete.models).toThrow(
      'Parameter "cluster" is required in [m2] section.\nYour configuration is missing required parameters. Exiting.',
    );
  });
});

describe('overrideConfig', () => {
  it('leaves the given configuration alone', async () => {
    const a = server(await load('[a]\n'), 'a');
    const changed = overrideConfig(a, { parallelJobs: 9, reuseBackup: 'link' });
    expect([changed.parallelJobs, changed.reuseBackup, changed.name]).toEqual([9, 'link', 'a']);
    expect([a.parallelJobs, a.reuseBackup]).toEqual([1, null]);
  });
});
