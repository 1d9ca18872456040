/**
 * Data directories as initdb leaves them, made once in a run of the tests and copied for each cluster. Copies share the system
 * identifier: a test that wants two of them calls initdb itself.
 */
import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Names the folder of the run's templates; test/setup/templates.ts makes and removes it. */
export const TEMPLATES = 'TEST_TEMPLATES';

/** What every cluster of the tests has, unless it says otherwise. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  shared_buffers: '16MB',
  max_wal_size: '256MB',
  wal_level: 'replica',
  max_wal_senders: '10',
  max_replication_slots: '10',
};

/** Lines of postgresql.conf. */
export function settingLines(settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'`);
  return `\n${lines.join('\n')}\n`;
}

/** Makes `dataDir`, never started by anybody, with trust, the roles barman and streaming_barman, and the settings above. */
export async function copyTemplate(binDir: string, initdbArgs: readonly string[], dataDir: string): Promise<void> {
  const folder = process.env[TEMPLATES];
  if (folder === undefined) return makeCluster(binDir, initdbArgs, dataDir);
  const template = join(folder, [binDir, ...initdbArgs].join(' ').replaceAll(/[^\w.=-]+/g, '_'));
  if (!(await exists(template))) await makeTemplate(binDir, initdbArgs, template);
  await exec('cp', ['-a', '--reflink=auto', template, dataDir]);
}

/** Two files may make it at once: the first to be ready gives it its name. */
async function makeTemplate(binDir: string, initdbArgs: readonly string[], template: string): Promise<void> {
  const place = await mkdtemp(`${template}.`);
  try {
    await makeCluster(binDir, initdbArgs, join(place, 'data'));
    await rename(join(place, 'data'), template).catch(async (error: unknown) => {
      if (!(await exists(template))) throw error;
    });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function makeCluster(binDir: string, initdbArgs: readonly string[], dataDir: string): Promise<void> {
  const args = ['-D', dataDir, '-U', 'postgres', '-A', 'trust', '-N', '--no-locale', '-E', 'UTF8', ...initdbArgs];
  await exec(join(binDir, 'initdb'), args);
  await appendFile(join(dataDir, 'postgresql.conf'), settingLines(SETTINGS));
  await createRoles(binDir, dataDir);
}

/** In single-user mode: a server would want a port and a folder for its socket. */
function createRoles(binDir: string, dataDir: string): Promise<void> {
  const args = ['--single', '-D', dataDir, 'postgres'];
  return new Promise((resolve, reject) => {
    const child = execFile(join(binDir, 'postgres'), args, (error, stdout, stderr) => {
      if (error || /ERROR|FATAL/.test(stderr)) reject(new Error(`roles of the template: ${stdout}${stderr}`));
      else resolve();
    });
    child.stdin?.end('CREATE ROLE barman SUPERUSER LOGIN\nCREATE ROLE streaming_barman REPLICATION LOGIN\n');
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
