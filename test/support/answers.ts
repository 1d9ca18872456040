/** Runs a command line with either program on equal trees and makes of it what can be compared. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findCommand } from '../../src/cli/commands.ts';
import { type LineOptions, words } from '../compat/answers/line.ts';
import { eventually } from './eventually.ts';
import type { Sandbox } from './sandbox.ts';
import type { Maker } from './seed.ts';

const exec = promisify(execFile);

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What it left behind, a line for each name; unset when nothing may change. */
  readonly tree?: readonly string[];
}

type Rule = readonly [pattern: RegExp, replacement: string];

/** Clocks, process ids and temporary names: all that may differ when nothing changes. */
const CLOCKS: readonly Rule[] = [
  [/latest (backup|wal) age: [^)"]*\d[^)"]*/g, 'latest $1 age: AGE'],
  [/latest backup: [^)]*\d[^)]*\)/g, 'latest backup: AGE)'],
  [/(start time: )[^,]*(, elapsed time: )[^)"]*\)/g, '$1CLOCK$2CLOCK)'],
  [
    /"recovery_(elapsed_time|elapsed_time_seconds|start_time|start_time_timestamp)": ("[^"]*"|[\d.e-]+)/g,
    '"recovery_$1": CLOCK',
  ],
  [/\d{8}T\d{6}Z/g, 'MOMENT'],
  [/(backup-export-\w+-\d{8}T\d{6})-\d{8}T\d{6}-[0-9a-f]{8}/g, '$1-MOMENT-CHECKSUM'],
  [/"timestamp": "[^"]*"/g, '"timestamp": CLOCK'],
  [/(process receive-wal\()\d+/g, '$1PID'],
  // Whether one ran is a matter of time: the receive-wal of a server that is down ends by itself.
  // The words are compared in integration/config-update.
  [/^Stopped process receive-wal\(PID\)\n/gm, ''],
  [/"Stopped process receive-wal\(PID\)", /g, ''],
];

/** What a running PostgreSQL moves by itself between two questions. */
const POSITIONS: readonly Rule[] = [
  [/\b[0-9A-F]+\/[0-9A-F]{6,8}\b/g, 'LSN'],
  [
    /(Current WAL segment|current_xlog|Last archived WAL|last_archived_wal)([^\n]*?)[0-9A-F]{24}(, at [^\n"]*)?/g,
    '$1$2WAL',
  ],
  [/\d+(\.\d+)?\/hour/g, 'RATE/hour'],
  [/(archived_wals_per_second"?: "?)[\d.e-]+/g, '$1RATE'],
  [/(last_archived_time["\w]*:? )[^\n,}]*/g, '$1CLOCK'],
  [/(archived_count["\w]*:? )\d+/g, '$1N'],
];

/** What two runs of a command that moves PostgreSQL cannot share. */
const MOVED: readonly Rule[] = [
  ...POSITIONS,
  [/^DEBUG: The default backup strategy .*\n/gm, ''],
  // How many segments fall into which pass depends on the moment.
  [/^(Processing xlog segments from .*|\t[0-9A-F]{24}.*|\t\d{8}\.history|\tno file found)\n/gm, ''],
  [/"(Processing xlog segments from [^"]*|\\t[0-9A-F]{24}[^"]*|\\tno file found)"(, )?/g, ''],
  [/, \]/g, ']'],
  [/^(begin|end)_offset=\d+$/gm, '$1_offset=N'],
  // Lines of an archive's index, as many as segments came in time.
  [/^[0-9A-F]{24}\t.*\n/gm, ''],
  [/\b\d{8}T\d{6}\b/g, 'ID'],
  [/\b[0-9A-F]{24}\b/g, 'WAL'],
  [/\b[0-9A-F]{8}\)/g, 'OFFSET)'],
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?/g, 'TIME'],
  [/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, 'CTIME'],
  [/time: (less than one second|\d+ seconds?)/g, 'time: DURATION'],
  [/\d+(\.\d)? ([KMG]i)?B\b/g, 'SIZE'],
  [/\d+\.\d{2,}/g, 'SECONDS'],
  [/("(?:begin_offset|end_offset|size|deduplicated_size|cluster_size)": )\d+/g, '$1N'],
];

const apply = (rules: readonly Rule[], text: string) =>
  rules.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), text);

/** Commands of the reference that we do not have yet, left out of its lists of choices. */
function knownChoices(text: string): string {
  return text.replace(
    /(argument command: invalid choice: .*\(choose from )(.*)\)/,
    (_, start: string, list: string) => {
      const known = list.split(', ').filter((word) => findCommand(word.replaceAll("'", '')) !== undefined);
      return `${start}${known.join(', ')})`;
    },
  );
}

/** After a usage error only the line with the reason is compared: the usage above it is our prose. */
function withoutUsage(code: number, stderr: string): string {
  if (code !== 2) return stderr;
  return knownChoices(/^barman.*: error: .*$/m.exec(stderr)?.[0] ?? stderr);
}

/**
 * The index of an archive: two compressors make files of other sizes, and ours lists the time that its file has, in
 * microseconds.
 */
function withoutSizes(line: string): string {
  if (!/xlog\.db:\n/.test(line)) return line;
  return line.replaceAll(
    /^(\S+\t)\d+\t(\d+)\.(\d+)(\t(?!None)\w+)/gm,
    (_, name: string, seconds: string, fraction: string, rest: string) =>
      `${name}SIZE\t${seconds}.${fraction.slice(0, 6).replace(/0+$/, '')}${rest}`,
  );
}

/** Barman keeps skipped servers in a set: their order has no meaning. */
function skippedInOrder(text: string): string {
  const lines = text.replaceAll(
    /(?:^Skipping .* server '.*'\n)+/gm,
    (block) => block.trimEnd().split('\n').sort().join('\n') + '\n',
  );
  return lines
    .replaceAll(/(?:^Changing value of option .* through the model .*\n){2,}/gm, (block) =>
      block.split('\n').slice(0, -1).sort().join('\n').concat('\n'),
    )
    .replaceAll(
      /"(?:Skipping|Changing value of option) [^"]*"(?:, "(?:Skipping|Changing value of option) [^"]*")+/g,
      (list) =>
        list
          .split('", "')
          .map((one) => one.replaceAll('"', ''))
          .sort()
          .map((one) => `"${one}"`)
          .join(', '),
    );
}

/**
 * Label files that a restore delivers, of whatever backup: Barman stops at the line of the last segment, and where the labels
 * of backups that ran side by side stand in its index is a matter of time. compat/restore compares them.
 */
const DELIVERED_LABEL = /^out\/.*\/[0-9A-F]{24}\.[0-9A-F]{8}\.backup: /;

/** An answer with everything replaced that two equal runs cannot share. */
export function comparable(answer: Answer, options: LineOptions): Answer {
  const rules = [...CLOCKS, ...(options.moves ? (options.changes ? MOVED : POSITIONS) : [])];
  const clean = (text: string) => apply(rules, text);
  return {
    code: answer.code,
    stdout: skippedInOrder(clean(answer.stdout)),
    stderr: clean(withoutUsage(answer.code, answer.stderr)),
    ...(answer.tree === undefined
      ? {}
      : {
          tree: [
            ...new Set(
              answer.tree.filter((line) => !DELIVERED_LABEL.test(line)).map((line) => withoutSizes(clean(line))),
            ),
          ].sort(),
        }),
  };
}

/** The folders of a sandbox that lines change, and the copy they are put back from. */
export class Ground {
  readonly box: Sandbox;
  readonly out: string;
  readonly #incoming: string;
  readonly #seed: string;
  /** The copy that was put back last, and what it looked like: what is still like that need not be put back. */
  #present: { readonly aside: string; readonly tree: readonly string[] } | undefined;

  constructor(box: Sandbox) {
    this.box = box;
    this.out = join(box.root, 'out');
    this.#incoming = join(box.root, 'live-incoming');
    this.#seed = join(box.root, 'seed');
  }

  /** Sets the present home and `out` aside as what `putBack` restores. */
  async setAside(name = 'seed'): Promise<string> {
    const aside = join(this.box.root, name);
    await mkdir(this.out, { recursive: true });
    await exec('sh', ['-c', 'rm -rf "$2"; mkdir "$2"; mv "$1/home" "$1/out" "$2"', 'sh', this.box.root, aside]);
    this.#present = undefined;
    await this.putBack(aside);
    return aside;
  }

  /** Equal to the copy again. Data and WAL files of the home, which nobody writes into, are shared with it by hard links. */
  async putBack(aside = this.#seed): Promise<void> {
    for (const name of await readdir(this.#incoming).catch(() => []))
      await rm(join(this.#incoming, name), { force: true });
    const before = this.#present?.aside === aside ? this.#present : undefined;
    const changed = before && changedTops(before.tree, await this.tree());
    if (changed === undefined) {
      await exec('sh', ['-ec', 'rm -rf "$1/home" "$1/out"; mkdir "$1/home"', 'sh', this.box.root]);
      for (const name of await readdir(join(aside, 'home'))) await this.#copy(aside, `home/${name}`);
      await this.#copy(aside, 'out');
    } else if (changed.length > 0) {
      const locks = async (home: string) => (await readdir(home)).filter((name) => name.endsWith('.lock'));
      const names = [...(await locks(this.box.home)), ...(await locks(join(aside, 'home')))];
      for (const top of new Set([...changed, ...names.map((name) => `home/${name}`)])) await this.#copy(aside, top);
    }
    this.#present = { aside, tree: before ? before.tree : await this.tree() };
  }

  /** Puts one name below the root back as it is in the copy, which may be: not there. */
  async #copy(aside: string, top: string): Promise<void> {
    const script = `
      rm -rf "$1/$3"
      cd "$2"
      test -e "$3" || exit 0
      if [ "$3" = out ]; then exec cp -a out "$1"; fi
      cp -al "$3" "$1/$3"
      find "$3" -type f \\( -not -path '*/base/*' -not -path '*/wals/*/*' -o -name backup.info -o -path '*/annotations/*' \\) -print0 |
        xargs -0 -r cp --parents -p --remove-destination -t "$1"`;
    await exec('sh', ['-ec', script, 'sh', this.box.root, aside, top]);
  }

  /** Until the processes that a command started in the background have ended; a receive-wal is ended. */
  async quiesce(): Promise<void> {
    await eventually('background processes end', async () => {
      let running = 0;
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (!command.includes(`${this.box.root}/`) || !command.includes('.conf') || Number(pid) === process.pid)
          continue;
        running += 1;
        if (command.includes('receive-wal')) {
          try {
            process.kill(Number(pid), 'SIGTERM');
          } catch {
            // It has just ended.
          }
        }
      }
      return running === 0;
    });
  }

  /** Every name below home and out: its type, where a link leads, the text of what programs read, the size of the rest. */
  async tree(): Promise<string[]> {
    const options = { cwd: this.box.root, maxBuffer: 1e8 };
    const { stdout } = await exec(
      'find',
      ['home', 'out', '!', '-name', '*.lock', '-printf', '%p\\t%y\\t%s\\t%l\\n'],
      options,
    );
    const facts = stdout
      .trimEnd()
      .split('\n')
      .map(async (line) => {
        const [name = '', type, size, target] = line.split('\t');
        if (type === 'l') return `${name} -> ${target}`;
        if (type !== 'f') return `${name}: ${type}`;
        if (TEXTS.test(name)) return `${name}:\n${await readFile(join(this.box.root, name), 'utf8')}`;
        return SIZE_VARIES.test(name) ? name : `${name}: ${size} bytes`;
      });
    return (await Promise.all(facts)).sort();
  }
}

/** The names `home/NAME` and `out` below which two pictures of a tree differ. */
function changedTops(before: readonly string[], now: readonly string[]): readonly string[] {
  const [old, current] = [new Set(before), new Set(now)];
  const differing = [...before.filter((line) => !current.has(line)), ...now.filter((line) => !old.has(line))];
  return [...new Set(differing.map((line) => /^(?:home\/[^/: \n]+|out)/.exec(line)?.[0] ?? 'out'))];
}

/** Files whose text is part of the interface. */
const TEXTS =
  /backup\.info$|xlog\.db$|-keep$|\/keep$|identity\.json$|\.history$|\.signal$|backup_label$|\.conf$|\.auto$|\.queue$|tablespace_map$|\.info$/;

/** Two compressors make files of other sizes; the index beside them is compared without. */
const SIZE_VARIES = /\/wals\/|backup-export/;

/** The words of a line with the names of this home put in. */
export async function wordsFor(ground: Ground, typed: string): Promise<string[]> {
  const { box, out } = ground;
  const backups = async (server: string) =>
    [
      ...new Set(
        (await readdir(join(box.home, server, 'meta')).catch(() => [])).flatMap(
          (name) => /^\d{8}T\d{6}/.exec(name) ?? [],
        ),
      ),
    ].sort();
  const segments = async (server: string) =>
    (await readdir(join(box.home, server, 'wals'), { recursive: true }))
      .flatMap((name) => /\/([0-9A-F]{24})$/.exec(name)?.[1] ?? [])
      .sort();
  return Promise.all(
    words(typed).map(async (word) => {
      const backup = /^@([\w-]+)\.(\d+)$/.exec(word);
      if (backup) return (await backups(backup[1] ?? ''))[Number(backup[2]) - 1] ?? word;
      const wal = /^@wal\.([\w-]+)\.(\d+)$/.exec(word);
      if (wal) return (await segments(wal[1] ?? ''))[Number(wal[2]) - 1] ?? word;
      if (word === '@out/*.tar')
        return join(out, (await readdir(out)).find((name) => name.endsWith('.tar')) ?? '*.tar');
      return word.replaceAll('@out', out);
    }),
  );
}

/** A stream for put-wal: the last whole segment that `stream` received, and its checksum. */
async function tarStream(ground: Ground): Promise<Buffer> {
  const folder = join(ground.box.root, 'seed', 'home', 'stream', 'streaming');
  const script =
    'last=$(ls | grep -E "^[0-9A-F]{24}$" | tail -n 1); sha256sum "$last" > "$1"; tar -c "$last" -C "${1%/*}" SHA256SUMS';
  const sums = await mkdtemp(join(ground.box.root, 'tar-'));
  const options = { cwd: folder, encoding: 'buffer', maxBuffer: 1e8 } as const;
  const { stdout } = await exec('sh', ['-ec', script, 'sh', join(sums, 'SHA256SUMS')], options);
  await rm(sums, { recursive: true });
  return stdout;
}

const CONFIG_FILES = { seed: 'barman.conf', down: 'down.conf', few: 'few.conf' };

/** Runs a line with one program; `tree` is looked at when the line may change something. */
export async function ask(ground: Ground, program: Maker, typed: string, options: LineOptions): Promise<Answer> {
  const { box } = ground;
  const args = await wordsFor(ground, typed);
  const config = options.config === 'none' ? [] : ['-c', join(box.root, CONFIG_FILES[options.config ?? 'seed'])];
  const input = options.input === 'tar' ? await tarStream(ground) : options.input;
  const result = await box[program]([...config, ...args], {
    withoutConfig: true,
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    ...(input === undefined ? {} : { input }),
  });
  if (!options.changes) return result;
  await ground.quiesce();
  return { ...result, tree: await ground.tree() };
}
