/** Lines of our own about files: they appear where the next run would stumble, and nowhere else. */
import { isObject } from '../domain/location.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import { listNames } from '../host/files.ts';
import { findDenials } from '../server/denials.ts';
import type { CheckRun } from './scope.ts';

/** Locks, directories and waiting files that this user may not use. */
export async function checkDenials(run: CheckRun): Promise<void> {
  await run.check('file permissions', async () => {
    const [first, ...others] = await findDenials(run.scope);
    if (first === undefined) return null;
    const more = others.length === 0 ? '' : `; ${others.length} more`;
    return { ok: false, hint: `${first.text}. Please execute ${first.remedy}${more}` };
  });
}

/** WAL that lies directly in wals_directory, where an archive_command has put it that names the wrong directory. */
export async function checkStrayWals(run: CheckRun): Promise<void> {
  const { catalog, config } = run.scope;
  if (isObject(catalog.layout.wals)) return;
  await run.check('WAL directory', async () => {
    const directory = catalog.layout.walsDirectory;
    const stray = (await listNames(directory)).filter((name) => {
      const file = parseWalName(name);
      return file !== undefined && file.kind !== 'history';
    });
    const [first] = stray;
    if (first === undefined) return null;
    const count = stray.length === 1 ? '1 WAL file lies' : `${stray.length} WAL files lie`;
    return {
      ok: false,
      hint:
        `${count} directly in '${directory}' (first: ${first}), where nothing archives or finds it. ` +
        `Please let archive_command deliver to '${config.incomingWalsDirectory}' and move it there`,
    };
  });
}
