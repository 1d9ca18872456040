// Bundles src/main.ts into dist/: one small entry plus one lazy chunk per command, so that
// `barman --version` reads a few kilobytes and a command reads only what it uses.
import { chmod, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

await rm(new URL('../dist', import.meta.url), { recursive: true, force: true });
await build({
  entryPoints: [new URL('../src/main.ts', import.meta.url).pathname],
  outdir: new URL('../dist', import.meta.url).pathname,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  // Loaded by name when they are first used: pino by the first log record, fd-lock (a binary) by the first lock, ssh2 by its first connection.
  external: ['pg-native', 'pino', 'fd-lock', 'ssh2'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

// put-wal and get-wal once more, in one file without the other commands: half of their time was loading. See bin/barman.
const walCommandsOnly = {
  name: 'wal-commands-only',
  setup({ onResolve }) {
    onResolve({ filter: /\/commands\/[\w-]+\.ts$/ }, ({ path, kind }) => {
      if (kind !== 'dynamic-import' || /\/(?:put|get)-wal\.ts$/.test(path)) return undefined;
      // Never reached: the launcher sends no other command here.
      return { path: './main.js', external: true };
    });
  },
};
await build({
  entryPoints: [new URL('../src/main.ts', import.meta.url).pathname],
  outfile: new URL('../dist/wal.cjs', import.meta.url).pathname,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  plugins: [walCommandsOnly],
  external: ['pg-native', 'pino', 'fd-lock', 'ssh2', 'pg', 'zod', 'node-cron'],
  define: { 'import.meta.url': '__moduleUrl' },
  banner: { js: "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'warning',
});

// The programs for the database host: one file each, which runs alone. CommonJS starts a sixth faster than a module does.
const standalone = new URL('../dist/standalone/', import.meta.url);
for (const name of ['barman-wal-archive', 'barman-wal-restore']) {
  const outfile = new URL(name, standalone).pathname;
  await build({
    entryPoints: [new URL(`../src/clients/${name.slice('barman-'.length)}.ts`, import.meta.url).pathname],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    banner: { js: '#!/usr/bin/env node' },
    logLevel: 'warning',
  });
  await chmod(outfile, 0o755);
}
// A file without a suffix is what the next package.json says.
await writeFile(new URL('package.json', standalone), '{ "type": "commonjs" }\n');
