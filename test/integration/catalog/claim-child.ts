/** Claims backup ids beside other processes. Arguments: root, the moment in milliseconds, how many. Prints the ids. */
import { emptyBackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { makeHome } from '../../support/server-home.ts';

const [root = '', moment = '', count = ''] = process.argv.slice(2);
const { catalog } = makeHome(root);
for (let index = 0; index < Number(count); index += 1) {
  const info = await catalog.createBackup(new Date(Number(moment)), (backupId) => ({
    ...emptyBackupInfo(backupId),
    mode: 'postgres',
  }));
  process.stdout.write(`${info.backupId}\n`);
}
