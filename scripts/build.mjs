// Bundles src/main.ts into dist/barman.cjs, with the compiled code of what nearly every command runs beside it: V8 then neither
// parses nor compiles it again, which is a third of the time of a short command. See bin/barman.
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const common = { bundle: true, format: 'cjs', platform: 'node', target: 'node20', logLevel: 'warning' };

await rm(at('dist'), { recursive: true, force: true });
await build({
  ...common,
  entryPoints: [at('src/main.ts')],
  outfile: at('dist/barman.cjs'),
  // It is read whole at every start; the stacks in the log keep their names.
  minify: true,
  keepNames: true,
  sourcemap: 'linked',
  // Loaded by name when they are first used: pino by the first log record, ssh2 by its first connection; the others are binaries.
  external: ['pg-native', 'pino', 'ssh2', 'fd-lock', '@mongodb-js/zstd', 'snappy'],
  define: { 'import.meta.url': '__moduleUrl' },
  banner: { js: "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
});

// The programs for the database host: one file each, which runs alone.
for (const name of ['barman-wal-archive', 'barman-wal-restore']) {
  const outfile = at(`dist/standalone/${name}`);
  await build({
    ...common,
    entryPoints: [at(`src/clients/${name.slice('barman-'.length)}.ts`)],
    outfile,
    banner: { js: '#!/usr/bin/env node' },
    // Where optional libraries are looked for: beside the file itself.
    define: { 'import.meta.url': '__filename' },
  });
  await chmod(outfile, 0o755);
}
// A file without a suffix is what the next package.json says.
await writeFile(at('dist/standalone/package.json'), '{ "type": "commonjs" }\n');
await writeCodeCache();

/** Runs a command that takes the common way, configuration and catalog, and keeps what was compiled. */
async function writeCodeCache() {
  const home = await mkdtemp(join(tmpdir(), 'barman-build-'));
  try {
    const config = join(home, 'barman.conf');
    const server = 'backup_method = postgres\narchiver = on\nconninfo = host=/x\nstreaming_conninfo = host=/x';
    await writeFile(
      config,
      `[barman]\nbarman_home = ${home}\nbarman_user = ${userInfo().username}\nlog_file = ${home}/log\n[pg]\n${server}\n`,
    );
    const run = spawnSync(process.execPath, [at('bin/barman'), '-c', config, 'list-backups', 'all'], {
      env: { ...process.env, BARMAN_WRITE_CODE_CACHE: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (run.status !== 0) throw new Error(`the first run of the bundle ended with ${run.status ?? run.signal}`);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
