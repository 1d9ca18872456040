/** Delete and WAL delete hooks of both programs on equal catalogs: what they are told, what their exit codes do. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { normalised } from '../support/archiving-server.ts';
import { catalogHome, segment, segments, span } from '../support/catalog-home.ts';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';
import { walSegment } from '../support/wal-files.ts';

const [FIRST, SECOND, THIRD] = ['20261101T040000', '20261102T040000', '20261103T040000'] as const;
const SERVERS = ['theirs', 'ourss_'] as const;
const OPTIONS = ['delete', 'wal_delete'].flatMap((event) =>
  ['pre', 'post'].flatMap((phase) => [`${phase}_${event}_script`, `${phase}_${event}_retry_script`]),
);

describe.skipIf(referenceFolder === undefined)('hooks beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let box: Sandbox;
  beforeEach(async () => {
    box = await makeSandbox();
  });
  afterEach(() => box.dispose());

  /** Three backups with their WAL for each; the lines stand in both sections. */
  async function seed(extra: string): Promise<void> {
    const home = catalogHome(box.home);
    for (const server of SERVERS) {
      await rm(join(box.home, server), { recursive: true, force: true });
      await home.addBackup(server, FIRST, span(2, 3));
      await home.addBackup(server, SECOND, span(5, 5));
      await home.addBackup(server, THIRD, span(7, 7));
      await home.writeWals(server, segments(2, 8));
    }
    const section = (server: string) =>
      `[${server}]\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`;
    await box.writeConfig(SERVERS.map(section).join(''));
  }

  const clean = (text: string) =>
    normalised(text, box.root)
      .replaceAll('ourss_', 'theirs')
      .replace(/\(start time: [^)]*\)/g, '(TIMES)');
  const said = ({ code, stdout, stderr }: ProgramResult) => ({ code, stdout: clean(stdout), stderr: clean(stderr) });
  const tree = async (server: string) =>
    (await readdir(join(box.home, server), { recursive: true })).map((path) => path.replace(server, 'SERVER')).sort();
  /** What the scripts gave rise to. */
  async function logged(): Promise<readonly string[]> {
    const lines = (await readFile(box.logFile, 'utf8')).split('\n');
    await rm(box.logFile);
    return lines.flatMap((line) => / barman\.\S+ (?:WARNING|ERROR): .*/.exec(line)?.[0] ?? []);
  }

  async function expectSame(args: (server: string) => readonly string[], mayDiffer: RegExp | null = null) {
    const theirs = said(await box.reference(args('theirs')));
    const theirLog = await logged();
    const ours = said(await box.barman(args('ourss_')));
    expect(ours).toEqual(theirs);
    expect(await logged()).toEqual(theirLog);
    const trees = await Promise.all(SERVERS.map(tree));
    const [theirTree, ourTree] = trees.map((paths) => paths.filter((path) => !mayDiffer?.test(path)));
    expect(ourTree).toEqual(theirTree);
  }

  it.each([
    ['delete', (server: string) => ['delete', server, FIRST], ''],
    ['delete of the last', (server: string) => ['delete', server, THIRD], ''],
  ] as const)('are told the same by %s', async (_name, args, extra) => {
    const script = 'env | grep ^BARMAN_ | grep -v REFERENCE | sort >> $BARMAN_CONFIGURATION.$BARMAN_SERVER';
    await seed([...OPTIONS.map((option) => `${option} = ${script}`), extra].join('\n'));
    await expectSame(args);
    const [theirs, ours] = await Promise.all(
      SERVERS.map((server) => readFile(`${box.configFile}.${server}`, 'utf8').catch(() => '')),
    );
    expect(ours?.replaceAll('ourss_', 'theirs')).toBe(theirs);
    expect(theirs).toContain('BARMAN_HOOK=delete_retry_script\n');
  });

  it.each([
    ['a veto before the delete', 'pre_delete_retry_script = exit 63', /-delete_this$/],
    // Barman's has deleted the data by then.
    ['a veto before a WAL file goes', 'pre_wal_delete_retry_script = exit 63', /-delete_this$|20261101T040000\/data/],
    ['a veto afterwards', 'post_delete_retry_script = exit 63\npost_wal_delete_retry_script = exit 63', null],
    [
      '62',
      OPTIONS.filter((option) => option.includes('retry'))
        .map((option) => `${option} = exit 62`)
        .join('\n'),
      null,
    ],
    [
      'one-shot scripts that fail',
      OPTIONS.filter((option) => !option.includes('retry'))
        .map((option) => `${option} = echo out; echo err >&2; exit 63`)
        .join('\n'),
      null,
    ],
  ] as const)('mean the same with %s', async (_name, extra, mayDiffer) => {
    await seed(extra);
    await expectSame((server) => ['delete', server, FIRST], mayDiffer);
  });

  it('mean the same after archiving', async () => {
    await seed('post_archive_retry_script = exit 63\npost_archive_script = exit 63');
    for (const server of SERVERS)
      await writeFile(join(box.home, server, 'incoming', segment(9)), walSegment(segment(9)));
    await expectSame((server) => ['archive-wal', server]);
  });
});
