// npm run demo [-- --keep] [-- --folder DIR]: the main job on a throw-away PostgreSQL, in under a minute.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { require as need } from './prerequisites.mjs';
import { projectRoot, runUnprivileged } from './unprivileged.mjs';

need(['postgresql', 'flock']);
if (!existsSync(join(projectRoot, 'dist', 'barman.cjs'))) {
  process.stderr.write('barman is not built. Type:\n\n    npm ci && npm run demo\n\n');
  process.exit(1);
}
const args = [join('scripts', 'demo-steps.mjs'), ...process.argv.slice(2)];
process.exitCode = runUnprivileged(process.execPath, args, { env: { ...process.env, DEMO_PROJECT: projectRoot } });
