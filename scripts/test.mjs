// npm test [-- vitest arguments]: installs what is missing (or says how), builds, and runs the tests as a user that
// PostgreSQL accepts.
import { require as need } from './prerequisites.mjs';
import { runUnprivileged } from './unprivileged.mjs';

need(['postgresql', 'flock', 'script', 'systemd', 'rsync', 'zsh', 'fish', 'sshd', 'ssh', 'gpg', 'strace']);
// The crash tests compile a small library.
need(['cc', 'bzip2', 'xz', 'zstd', 'lz4', 'pigz']);
// Barman's own programs ask file(1).
if (process.env.BARMAN_REFERENCE) need(['file']);
const args = process.argv.slice(2);
const script = 'node scripts/build.mjs && exec node node_modules/vitest/vitest.mjs run "$@"';
process.exitCode = runUnprivileged('sh', ['-c', script, 'sh', ...args]);
