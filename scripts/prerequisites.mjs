// What the demo and the tests need from the machine: found, installed from Debian's packages when we are root, or named
// in the exact command to type.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folders that may hold PostgreSQL's server programs, newest version first after PATH and pg_config. */
export function postgresFolders() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const config = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  if (config.status === 0) folders.push(config.stdout.trim());
  const versioned = [];
  const add = (root, pattern, suffix) => {
    if (!existsSync(root)) return;
    for (const name of readdirSync(root)) {
      const match = pattern.exec(name);
      if (match) versioned.push([Number(match[1]), join(root, name, suffix)]);
    }
  };
  add('/usr/lib/postgresql', /^(\d+)$/, 'bin');
  add('/usr', /^pgsql-(\d+)$/, 'bin');
  versioned.sort((a, b) => b[0] - a[0]);
  return [...folders, ...versioned.map(([, folder]) => folder)];
}

/** The folder of the newest PostgreSQL that has every program we start; undefined when there is none. */
export function findPostgres() {
  const programs = ['initdb', 'postgres', 'pg_ctl', 'pg_basebackup', 'pg_receivewal', 'psql'];
  const found = [...new Set(postgresFolders())].filter(
    (folder) => folder !== '' && programs.every((name) => existsSync(join(folder, name))),
  );
  const major = (folder) => {
    const answer = spawnSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' });
    return Number(/(\d+)/.exec(answer.stdout ?? '')?.[1] ?? 0);
  };
  return found.map((folder) => [major(folder), folder]).sort((a, b) => b[0] - a[0])[0]?.[1];
}

const hasProgram = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name))) ||
  existsSync(join('/usr/sbin', name));

/** Each need: how to see that it is met, and the Debian package that meets it. */
const NEEDS = {
  postgresql: { met: () => findPostgres() !== undefined, package: 'postgresql' },
  flock: { met: () => hasProgram('flock'), package: 'util-linux' },
  script: { met: () => hasProgram('script'), package: 'bsdutils' },
  systemd: { met: () => hasProgram('systemd-analyze'), package: 'systemd' },
  zsh: { met: () => hasProgram('zsh'), package: 'zsh' },
  fish: { met: () => hasProgram('fish'), package: 'fish' },
  rsync: { met: () => hasProgram('rsync'), package: 'rsync' },
  bzip2: { met: () => hasProgram('bzip2'), package: 'bzip2' },
  xz: { met: () => hasProgram('xz'), package: 'xz-utils' },
  zstd: { met: () => hasProgram('zstd'), package: 'zstd' },
  lz4: { met: () => hasProgram('lz4'), package: 'lz4' },
  pigz: { met: () => hasProgram('pigz'), package: 'pigz' },
  sshd: { met: () => hasProgram('sshd'), package: 'openssh-server' },
  ssh: { met: () => hasProgram('ssh'), package: 'openssh-client' },
  gpg: { met: () => hasProgram('gpg'), package: 'gnupg' },
  cc: { met: () => hasProgram('cc') && existsSync('/usr/include/stdio.h'), package: 'gcc libc6-dev' },
  file: { met: () => hasProgram('file'), package: 'file' },
  strace: { met: () => hasProgram('strace'), package: 'strace' },
  hyperfine: { met: () => hasProgram('hyperfine'), package: 'hyperfine' },
};

/** Makes sure that every named need is met, or ends the process with the command that meets it. */
export function require(names) {
  const missing = names.filter((name) => !NEEDS[name].met()).flatMap((name) => NEEDS[name].package.split(' '));
  if (missing.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  const canInstall = isRoot && existsSync('/usr/bin/apt-get');
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!canInstall) {
    process.stderr.write(
      `Missing on this machine: ${missing.join(', ')}. Type:\n\n    ${isRoot ? '' : 'sudo '}sh -c '${command}'\n\n`,
    );
    process.exit(1);
  }
  process.stdout.write(`Installing from Debian's packages: ${missing.join(' ')}\n`);
  const apt = (...args) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const run = spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', env });
    if (run.status !== 0) {
      process.stderr.write(`${run.stderr}apt-get ${args.join(' ')} failed; try: ${command}\n`);
      process.exit(1);
    }
  };
  apt('update');
  if (missing.includes('postgresql')) withoutMainCluster(apt);
  apt('install', '-y', '--no-install-recommends', ...missing);
  const still = names.filter((name) => !NEEDS[name].met());
  if (still.length > 0) {
    process.stderr.write(`Still missing after the installation: ${still.join(', ')}\n`);
    process.exit(1);
  }
}

/** Debian's package makes and starts a cluster of its own; this machine only lends its programs. */
function withoutMainCluster(apt) {
  apt('install', '-y', '--no-install-recommends', 'postgresql-common');
  const file = '/etc/postgresql-common/createcluster.conf';
  if (!existsSync(file)) return;
  const text = readFileSync(file, 'utf8');
  if (/^create_main_cluster\s*=/m.test(text)) return;
  writeFileSync(file, `${text}create_main_cluster = false\n`);
  process.on('exit', () => writeFileSync(file, text));
}
