/** The configuration beside the reference: published set-ups, broken files and generated ones give the same words and values. */
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

if (referenceFolder === undefined)
  console.warn('config compat: skipped, BARMAN_REFERENCE names no folder of the reference');

describe.skipIf(referenceFolder === undefined)('configuration', () => {
  let box: Sandbox;
  let included: string;

  beforeAll(async () => {
    box = await makeSandbox();
    included = join(box.root, 'conf.d');
  });
  beforeEach(async () => {
    await rm(included, { recursive: true, force: true });
    await mkdir(included);
  });
  afterAll(() => box?.dispose());

  /** Servers come from an included file: errors in it are reported after the log is there, without a stack trace. */
  async function both(text: string | Uint8Array, args: readonly string[], global = '') {
    await writeFile(join(included, 'servers.conf'), text);
    await box.writeConfig('', `configuration_files_directory = ${included}\n${global}`);
    const [theirs, ours] = [await box.reference(args), await box.barman(args)];
    return { theirs: comparable(theirs), ours: comparable(ours) };
  }

  async function expectSame(text: string | Uint8Array, args: readonly string[], global = ''): Promise<ProgramResult> {
    const { theirs, ours } = await both(text, args, global);
    if (args.includes('json')) expect(JSON.parse(ours.stdout)).toEqual(JSON.parse(theirs.stdout));
    expect(ours).toEqual(theirs);
    return ours;
  }

  describe.each(['streaming', 'rsync', 'postgres'])('the published %s set-up', (name) => {
    const fixture = () => readFile(new URL(`../fixtures/config/${name}.conf`, import.meta.url), 'utf8');

    it('is listed with the same warnings', async () => {
      const { stderr } = await expectSame(await fixture(), ['list-servers']);
      expect(stderr).toBe(
        name === 'streaming' ? 'WARNING: Invalid configuration option "max_wal_size" in [pg] section.\n' : '',
      );
    });

    it('has the same values in force', async () => {
      const shown = await both(await fixture(), ['show-servers', 'all']);
      // compat 3.20.1: hiding a password at the end of a line hides the newline too.
      const whole = shown.theirs.stdout.replaceAll('*REDACTED*\t', '*REDACTED*\n\t');
      expect(shown.ours).toEqual({ ...shown.theirs, stdout: whole });
      expect(shown.ours.stdout.split('\n').length).toBeGreaterThan(122);
      const { theirs, ours } = await both(await fixture(), ['-f', 'json', 'show-servers', 'all']);
      expect(ours.stdout).not.toContain('pa$$w@rd');
      expect(JSON.parse(ours.stdout)).toEqual(JSON.parse(theirs.stdout.replaceAll('pa$$w@rd', '*REDACTED*')));
    });
  });

  it('reads every option the same way, good or bad', async () => {
    const { OPTION_NAMES, OWN_OPTIONS } = await import('../../src/config/options.ts');
    // What may be a secret is shown otherwise.
    const isShown = (name: string) => !name.endsWith('conninfo') && name !== 'aws_sse_customer_key';
    const names = OPTION_NAMES.filter((name) => !OWN_OPTIONS.has(name) && isShown(name));
    const section = (name: string, value: string) =>
      `[${name}]\n${names.map((option) => `${option} = ${option === 'active' ? 'off' : value}\n`).join('')}`;
    // A passive node looks at its values without connecting anywhere; directories must not coincide.
    const values = ['!bad x', '2', 'on', '/a/path', '1 DAY', '"3 Gi"', 'a,b', 'none'];
    for (const [index, value] of values.entries()) {
      const directories = names
        .filter((option) => option.endsWith('_directory') && option !== 'cloud_staging_directory')
        .map((option) => `${option} = /x/${index}/${option}\n`);
      await expectSame(`${section(`s${index}`, value)}${directories.join('')}`, ['-f', 'json', 'show-servers', 'all']);
    }
  });

  it('inherits and blocks inheritance the same way', async () => {
    const global = [
      'parallel_jobs = 7',
      'compression = gzip',
      'compression_level = high',
      'encryption = gpg',
      'backup_options = external_configuration',
      'retention_policy = REDUNDANCY 3',
      'last_backup_maximum_age = 1 WEEK',
      'last_backup_minimum_size = 1 Mi',
      'path_prefix = /p',
      'conninfo = ignored=1',
      'slot_name = s',
      'network_compression = maybe',
    ].join('\n');
    const servers =
      '[inherits]\nactive = off\n' +
      '[blocks]\nactive = off\ncompression =\ncompression_level = None\nencryption = none\nbackup_options = ""\n' +
      'retention_policy = None\nlast_backup_maximum_age =\nlast_backup_minimum_size =\npath_prefix = "None"\nparallel_jobs =\n';
    await expectSame(servers, ['-f', 'json', 'show-servers', 'all'], global);
  });

  it.each([
    ['no header', 'x = 1\n'],
    ['a byte order mark', '\ufeff[a]\nactive = off\n'],
    ['keys without values', '[a]\nconninfo\n= x\n  more\nbaz\n'],
    ['a lone percent sign', '[a]\nactive = off\ndescription = a%b\n'],
    ['too few percent signs', '[a]\nactive = off\ndescription = 50%% done\n'],
    ['enough percent signs', '[a]\nactive = off\ndescription = 50%%%% done\n'],
    ['an unknown name', '[a]\nactive = off\ndescription = %(name)s\n'],
    ['an unknown name of the second resolution', '[a]\nactive = off\ndescription = %%(name)s\n'],
    ['a circle', '[a]\nactive = off\ndescription = %(x)s\nx = %(description)s\n'],
    ['values that go on', '[a]\nactive = off\ndescription = a\n  b\n\n  # no\n  c\n\n'],
    [
      'quotes',
      `[a]\nactive = off\ndescription = "'x'"\n[b]\nactive = off\ndescription = 'a"\n[c]\nactive = off\ndescription = "None"\n`,
    ],
    ['[DEFAULT]', '[DEFAULT]\nactive = off\ndescription = d %(slot_name)s\n[a]\nslot_name = s\n'],
    ['carriage returns', '[a]\r\nactive = off\r\ndescription = x\r\n'],
    ['odd headers', '[x] [y]\nactive = off\n[ a ]\nactive = off\n[]\n'],
    ['a server called all', '[all]\n'],
    ['a [barman] section', '[barman]\nlog_level = INFO\n'],
    ['an empty [barman] section', '[barman]\n[a]\nactive = off\n'],
    ['a model without a cluster', '[m]\nmodel = on\n'],
    ['a model that is no boolean', '[m]\nmodel = maybe\n'],
    ['bad models', '[m]\nmodel = on\ncluster = c\nbackup_directory = /x\nparallel_jobs = y\nzz = 1\n'],
    ['set options', '[a]\nactive = off\nbackup_options = get-wal,\nrecovery_options = foo, get-wal, Bar\n'],
    ['nothing but a name', '[a]\n'],
    ['no archiver, no strategy', '[a]\nconninfo = host=127.0.0.1 port=1\nssh_command = ssh h\n'],
    [
      'disabled ones',
      '[a]\nconninfo = host\nbackup_method = postgres\nstreaming_archiver = on\n[b]\nprimary_ssh_command = ssh x\n',
    ],
  ])('says the same about %s', async (_, text) => {
    await expectSame(text, ['list-servers'], 'odd = 1');
  });

  it('refuses bytes that are no UTF-8', async () => {
    await expectSame(Buffer.from('[a]\ndescription = caf\xe9\n', 'latin1'), ['list-servers']);
  });

  it('stops at directories that two servers share', async () => {
    await mkdir(join(box.home, 'x'), { recursive: true });
    await symlink(join(box.home, 'x'), join(box.home, 'link'));
    const servers = `[x]\nactive = off\n[y]\nactive = off\nbackup_directory = ${box.home}/link\n[z]\nwals_directory = ${box.home}/z/base\n`;
    for (const args of [['list-servers'], ['show-servers', 'z'], ['-f', 'json', 'check', 'x']]) {
      expect((await expectSame(servers, args)).code).toBe(1);
    }
  });

  it('reads generated files the same way', async () => {
    const random = generator(20_260_101);
    for (let round = 0; round < 60; round++) await expectSame(generated(random), ['-f', 'json', 'list-servers']);
  });
});

/** The order inside a printed set has no meaning. */
function comparable(result: ProgramResult): ProgramResult {
  const sorted = (text: string) =>
    text.replace(
      /Options\(\{([^}]*)\}\)/g,
      (_, members: string) => `Options({${members.split(', ').sort().join(', ')}})`,
    );
  return { ...result, stdout: withoutQuotes(sorted(result.stdout)), stderr: withoutQuotes(result.stderr) };
}

/** compat 3.20.1: errors quote what may be a password. Ours name the place instead, and say what to do. */
function withoutQuotes(text: string): string {
  const end = String.raw`(?=(?:\n|\\n)See log)`;
  const place = String.raw`(?: \([^()]*, line \d+\))?`;
  return text
    .replace(/(?:\n|\\n)HINT: (?:write each|a line is|save the)[^"\n]*/g, '')
    .replace(
      new RegExp(String.raw`(must be followed by '%' or '\('|bad interpolation variable reference)[,: ][\s\S]*?${end}`),
      '$1',
    )
    .replace(
      new RegExp(String.raw`(invalid interpolation syntax) (?:in [\s\S]*)?(at position \d+)[\s\S]*?${end}`),
      '$1 $2',
    )
    .replace(
      new RegExp(String.raw`(section '[^']*')${place} contains an interpolation key( '[^']*')? which is not`),
      '$1 has one that is not',
    )
    .replace(
      new RegExp(String.raw`(section '[^']*')${place}(?: contains an interpolation key which)? cannot`),
      '$1 cannot',
    )
    .replace(new RegExp(String.raw`(option name|10 steps)\. Raw value: [\s\S]*?${end}`), '$1')
    .replace(new RegExp(String.raw`(section headers\.(?:\n|\\n)file: '[^']*', line: \d+)[\s\S]*?${end}`), '$1')
    .replace(new RegExp(String.raw`(\[line +\d+\]): .*?(?=\n|\\n(?:\\t|See log))`, 'g'), '$1')
    .replace(new RegExp(String.raw`(can't decode byte \w+ in position \d+: [a-z ]+[a-z])${place}`), '$1');
}

const LINES = [
  '[a]',
  '[b]',
  '[a] # again',
  '[DEFAULT]',
  'description = one',
  'Description: two = 2',
  'description\t=\t"q"',
  'description = %(slot_name)s',
  'description = %%(slot_name)s',
  'description = 10%%%%',
  'description =',
  '  indented',
  '\tmore : text',
  '# comment',
  '  ; comment',
  '',
  '   ',
  'slot_name = S_%(parallel_jobs)s',
  "slot_name = 'x'",
  'parallel_jobs = 3',
  'parallel_jobs = x',
  'recovery_options = GET-WAL',
  'odd key = ünïcode',
  'broken',
  '= nothing',
  'description = 5%',
];

function generated(random: () => number): string {
  const pick = () => LINES[Math.floor(random() * LINES.length)] ?? '';
  const lines = Array.from({ length: 2 + Math.floor(random() * 8) }, pick);
  return ['[a]', 'active = off', '[b]', 'active = off', ...lines].join(random() < 0.2 ? '\r\n' : '\n');
}

/** A small repeatable generator (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
