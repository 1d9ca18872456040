// Bundles src/main.ts into dist/barman.cjs, with compiled code of what the commands run that are run often beside it: V8 then
// neither parses nor compiles it again, which is up to half of the time of a short command. See bin/barman.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pack } from 'tar-stream';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const common = { bundle: true, format: 'cjs', platform: 'node', target: 'node20', logLevel: 'warning' };

const fileOf = (library) => `${library.replace('/', '-')}.cjs`;

/** A library that is large and wanted by few commands: not in the bundle but in a file beside it. */
const beside = (name) => ({
  name,
  setup: ({ onResolve }) =>
    onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: `./${fileOf(name)}`, external: true })),
});

await rm(at('dist'), { recursive: true, force: true });
await build({
  ...common,
  entryPoints: [at('src/main.ts')],
  outfile: at('dist/barman.cjs'),
  // It is read whole at every start. The names stay: stacks in the log show them.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  // Loaded by name when it is first used: ssh2 by its first connection; the others are binaries.
  external: ['pg-native', 'ssh2', 'fd-lock', '@mongodb-js/zstd', 'snappy'],
  plugins: [beside('zod/mini'), beside('pino')],
  // What stays outside is required: code that was compiled ahead knows no import().
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': '__moduleUrl' },
  banner: { js: "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
});
await buildBeside('pino', "module.exports = require('pino');");
await buildBeside('zod/mini', `export { ${(await namesOfZod()).join(', ')} } from 'zod/mini';`);

// The programs for the database host: one file each, which runs alone.
for (const name of ['barman-wal-archive', 'barman-wal-restore']) {
  const outfile = at(`dist/standalone/${name}`);
  await build({
    ...common,
    entryPoints: [at(`src/programs/${name.slice('barman-'.length)}.ts`)],
    outfile,
    minifyWhitespace: true,
    banner: { js: '#!/usr/bin/env node' },
    // Where optional libraries are looked for: beside the file itself.
    define: { 'import.meta.url': '__filename' },
  });
  await chmod(outfile, 0o755);
}
// A file without a suffix is what the next package.json says.
await writeFile(at('dist/standalone/package.json'), '{ "type": "commonjs" }\n');
await compileAhead();

async function buildBeside(library, contents) {
  const stdin = { contents, resolveDir: at('') };
  await build({ ...common, stdin, outfile: at(`dist/${fileOf(library)}`), minify: true });
}

/** What our schemas are made of: the whole library is twenty times as large, and takes as much longer to load. */
async function namesOfZod() {
  const files = (await readdir(at('src'), { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(files.map((name) => readFile(at(`src/${name}`), 'utf8')));
  const names = texts
    .filter((text) => text.includes("from 'zod/mini'"))
    .map((text) => text.match(/(?<=\bz\.)\w+(?=\()/g));
  return [...new Set(names.flat())];
}

/** Runs each of these commands once, on a server of its own, and keeps what V8 compiled for it. */
async function compileAhead() {
  const home = await mkdtemp(join(tmpdir(), 'barman-build-'));
  try {
    const config = join(home, 'barman.conf');
    const server = 'backup_method = postgres\narchiver = on\nconninfo = host=/x\nstreaming_conninfo = host=/x';
    const history = '00000002.history';
    await writeFile(
      config,
      `[barman]\nbarman_home = ${home}\nbarman_user = ${userInfo().username}\nlog_file = ${home}/log\n[pg]\n${server}\n`,
    );
    await mkdir(at('dist/compiled'));
    const compile = async (name, args, input = '') => {
      const run = spawnSync(process.execPath, [at('bin/barman'), ...args], {
        env: { ...process.env, BARMAN_WRITE_COMPILED: at(`dist/compiled/${name}`) },
        stdio: ['pipe', 'ignore', 'pipe'],
        input,
      });
      if (run.status !== 0) throw new Error(`${name} ended with ${run.status ?? run.signal}:\n${run.stderr}`);
    };
    await compile('version', ['--version']);
    await compile('help', ['--help']);
    await compile('other', ['-c', config, 'list-backups', 'all']);
    // Like the stream of barman-wal-archive.
    const content = '1\t0/3000000\tno recovery target specified\n';
    const sums = `${createHash('sha256').update(content).digest('hex')} *${history}\n`;
    const tar = pack();
    tar.entry({ name: history }, content);
    tar.entry({ name: 'SHA256SUMS' }, sums);
    tar.finalize();
    await compile('put-wal', ['-c', config, 'put-wal', 'pg'], await buffer(tar));
    await compile('get-wal', ['-c', config, 'get-wal', 'pg', history]);
    await compile('archive-wal', ['-c', config, 'archive-wal', 'pg']);
    await compile('cron', ['-c', config, 'cron']);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
