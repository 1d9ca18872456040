// PostgreSQL refuses to run as root. When we are root, a command runs as user postgres in a copy of this tree that
// belongs to that user, so that nothing owned by root is written and permission tests mean something.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** Certificates that Node parses at every start, for twice the time of an empty program: cron and PostgreSQL hand on none. */
const { NODE_EXTRA_CA_CERTS: _certificates, ...plainEnvironment } = process.env;

/**
 * Runs `node script args` in this tree, or, as root, as user postgres in a temporary copy of it.
 * Returns the exit code. `exclude` names folders that the copy can do without.
 */
export function runUnprivileged(command, args, { env = plainEnvironment } = {}) {
  if (process.getuid?.() !== 0) {
    return exitCode(spawnSync(command, args, { cwd: projectRoot, stdio: 'inherit', env }));
  }
  const copy = mkdtempSync(join(tmpdir(), 'barman-unprivileged-'));
  try {
    chmodSync(copy, 0o755);
    must('cp', [
      '-a',
      ...['bin', 'src', 'scripts', 'test', 'etc', 'docs', 'dist', 'node_modules']
        .filter((name) => existsSync(join(projectRoot, name)))
        .map((name) => join(projectRoot, name)),
      copy,
    ]);
    must('sh', ['-c', `cp -a "$1"/*.json "$1"/*.ts "$1"/*.md "$1"/LICENSE "$2"`, 'sh', projectRoot, copy]);
    must('chown', ['-R', 'postgres:', copy]);
    const home = join(copy, '.home');
    must('install', ['-d', '-o', 'postgres', '-m', '700', home]);
    const drop = ['--reuid=postgres', '--regid=postgres', '--init-groups', command, ...args];
    return exitCode(
      spawnSync('setpriv', drop, {
        cwd: copy,
        stdio: 'inherit',
        env: { ...env, HOME: home, USER: 'postgres', LOGNAME: 'postgres' },
      }),
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function must(command, args) {
  const run = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (run.status !== 0)
    throw new Error(`${command} failed (${run.status ?? run.signal ?? run.error?.message}) as ${userInfo().username}`);
}

function exitCode(run) {
  if (run.error) throw run.error;
  return run.status ?? 1;
}
