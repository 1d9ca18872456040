/**
 * config-switch, config-update and the processes they restart, beside the reference: the same words, the same files, and each
 * reads what the other wrote.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

const SERVERS = `[main]
description = One
conninfo = host=127.0.0.1 port=1 password=hush
backup_method = postgres
archiver = on
cluster = c1
snapshot_disks = a, b
last_backup_maximum_age = 1 WEEK
[plain]
; its own remark
description = 'Two'
conninfo = host=127.0.0.1 port=1
backup_method = postgres
archiver = on

# about the next one
[last]
conninfo = host=127.0.0.1 port=1
backup_method = postgres
archiver = on
minimum_redundancy = 2
[idle]
active = off
[m1]
model = on
cluster = c1
conninfo = host=127.0.0.1 port=2 password=hush2
parallel_jobs = 4
backup_options = exclusive_backup
last_backup_maximum_age = 2 DAYS
last_wal_maximum_age = 3 HOURS
retention_policy = REDUNDANCY 2
tablespace_bandwidth_limit = a:1
description = it's
snapshot_disks = x
[m2]
model = on
cluster = other
`;

describe.skipIf(referenceFolder === undefined)('changes of the configuration', () => {
  let box: Sandbox;
  let included: string;
  beforeAll(async () => {
    box = await makeSandbox();
    included = join(box.root, 'conf.d');
  });
  beforeEach(reset);
  afterAll(() => box?.dispose());

  async function reset(): Promise<void> {
    for (const path of [box.home, included]) {
      await rm(path, { recursive: true, force: true });
      await mkdir(path);
    }
    for (const name of ['main', 'plain', 'last', 'idle']) await mkdir(join(box.home, name));
    await writeFile(join(included, 'servers.conf'), SERVERS);
    await box.writeConfig('', `configuration_files_directory = ${included}\ncompression = gzip`);
  }

  /** The files that a change may touch, by name; locks aside. */
  async function files(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const root of [box.home, included]) {
      for (const name of await readdir(root, { recursive: true })) {
        if (/\.(conf|auto|queue|old|tmp)$/.test(name)) found[name] = await readFile(join(root, name), 'utf8');
      }
    }
    found['barman.conf'] = await readFile(box.configFile, 'utf8');
    return found;
  }

  interface Outcome {
    readonly answers: readonly ProgramResult[];
    readonly files: Record<string, string>;
  }

  async function play(program: 'barman' | 'reference', lines: readonly (readonly string[])[]): Promise<Outcome> {
    await reset();
    const answers: ProgramResult[] = [];
    for (const line of lines) answers.push(comparable(await box[program](line)));
    return { answers, files: await files() };
  }

  async function expectSame(...lines: readonly (readonly string[])[]): Promise<Outcome> {
    const theirs = await play('reference', lines);
    const ours = await play('barman', lines);
    expect(ours).toEqual(theirs);
    return ours;
  }

  const update = (...changes: readonly Record<string, unknown>[]) => ['config-update', JSON.stringify(changes)];
  const server = (name: string, options: Record<string, unknown>) => ({
    scope: 'server',
    server_name: name,
    ...options,
  });
  const model = (name: string, options: Record<string, unknown>) => ({ scope: 'model', model_name: name, ...options });

  it('switches a model, says what changes, and takes it back', async () => {
    const { answers } = await expectSame(
      ['config-switch', 'main', 'm1'],
      ['status', 'main'],
      ['show-servers', 'main'],
      ['config-switch', 'main', 'm1'],
      ['config-switch', 'main', 'm2'],
      ['list-servers'],
      ['config-switch', 'main', 'm1', '--reset'],
      ['status', 'main'],
      ['config-switch', 'main', '--reset'],
      ['-f', 'json', 'config-switch', 'main', 'm1'],
    );
    expect(answers[1]?.stdout).toContain('Active configuration model: m1');
    expect(answers[7]?.stdout).toContain('Active configuration model: None');
  });

  it.each([
    [['main']],
    [['main', '']],
    [['main', 'main']],
    [['main', 'nosuch']],
    [['nosuch', 'm1']],
    [['all', 'm1']],
    [['idle', 'm1']],
    [['idle', '--reset']],
  ])('config-switch %j', async (args) => {
    await expectSame(['config-switch', ...args]);
  });

  it('each knows the model that the other one has switched to', async () => {
    await box.barman(['config-switch', 'main', 'm1']);
    expect((await box.reference(['status', 'main'])).stdout).toContain('Active configuration model: m1');
    expect((await box.reference(['config-switch', 'main', 'm1'])).stdout).toContain("Model 'm1' is already active");
    await box.reference(['config-switch', 'main', '--reset']);
    expect((await box.barman(['status', 'main'])).stdout).toContain('Active configuration model: None');
    await box.reference(['config-switch', 'main', 'm1']);
    expect((await box.barman(['config-switch', 'main', 'm1'])).stdout).toContain("Model 'm1' is already active");
  });

  it('changes options where they are, and adds new ones', async () => {
    const { files: written } = await expectSame(
      update(
        server('main', { description: 'Changed', parallel_jobs: '3', conninfo: 'host=h password=abc' }),
        server('last', { minimum_redundancy: '1', compression_level: 'high' }),
        server('idle', { slot_name: 'q' }),
      ),
      update(model('m1', { parallel_jobs: '5' }), model('m9', { cluster: 'c9' })),
      update(server('new one', { active: 'off', description: '' })),
      ['list-servers'],
      ['-f', 'json', 'show-servers', 'all'],
    );
    expect(written['.barman.auto.conf']).toBe(
      '[main]\nparallel_jobs = 3\n[last]\ncompression_level = high\n[idle]\nslot_name = q\n[m9]\ncluster = c9\nmodel = on\n[new one]\nactive = off\ndescription = \n',
    );
    expect(written['cfg_changes.queue']).toBe('[]');
  });

  it.each([
    [[{ scope: 'bad' }]],
    [[{}]],
    [[server('main', { parallel_jobs: '3' }), { scope: 'server' }]],
    [[{ scope: 'model' }]],
    [[server('m1', { archiver: 'on' })]],
    [[model('main', { archiver: 'on' })]],
    [[model('new', {})]],
    [[server('main', { nope: '1' })]],
    [[server('main', { Description: '1' })]],
    [[server('main', { name: 'x' })]],
    [[server('main', { model: 'on' })]],
    [[model('m1', { backup_directory: '/x' })]],
    [[server('main', { compression: 'zzz', conninfo: 'password=abc' })]],
    [[server('main', { parallel_jobs: 'x' })]],
  ])('refuses %j', async (changes) => {
    const { answers, files: left } = await expectSame(update(...changes));
    expect(answers[0]?.code).toBe(1);
    expect(answers[0]?.stderr).not.toContain('abc');
    expect(Object.keys(left).sort()).toEqual(['barman.conf', 'servers.conf']);
  });

  it.each([[['config-update', '[]']], [['config-update', '{}']], [update(server('main', {}))]])(
    'has nothing to do: %j',
    async (line) => {
      expect((await play('barman', [line])).answers).toEqual((await play('reference', [line])).answers);
    },
  );

  it('cron applies what waits in the queue, whoever queued it', async () => {
    const queue = [
      {
        section: 'last',
        changes_set: [
          { key: 'minimum_redundancy', value: '7', config_file: join(included, 'servers.conf') },
          { key: 'parallel_jobs', value: '2', config_file: join(box.home, '.barman.auto.conf') },
        ],
      },
    ];
    const outcomes: Outcome[] = [];
    for (const program of ['reference', 'barman'] as const) {
      await reset();
      await writeFile(join(box.home, 'cfg_changes.queue'), JSON.stringify(queue));
      const answers = [
        comparable(await box[program](['cron'])),
        comparable(await box[program](['show-servers', 'last'])),
      ];
      outcomes.push({ answers, files: await files() });
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[1]?.answers[0]?.stdout).toContain("from '2' to '7' through config-update.");
  });
});

/**
 * The order of the lines about single options means nothing. compat 3.20.1: passwords stay in its JSON, and hiding one at the
 * end of a line hides the newline too.
 */
function comparable({ code, stdout, stderr }: ProgramResult): ProgramResult {
  const hidden = stdout
    .replaceAll(/password=(?:hush2?|abc)\b/g, 'password=*REDACTED*')
    .replaceAll('*REDACTED*\t', '*REDACTED*\n\t');
  const lines = hidden.split('\n');
  const isChange = (line: string) => line.startsWith('Changing value') && line.includes('through the model');
  const sorted = [...lines.filter((line) => !isChange(line)), ...lines.filter(isChange).sort()].join('\n');
  const text = sorted.replace(/\["Applying.*\]/, (list) => JSON.stringify((JSON.parse(list) as string[]).sort()));
  return { code, stdout: text, stderr };
}
