/** Removes WAL until it is killed. Arguments: root, the first name to keep. */
import { makeHome } from '../../support/server-home.ts';

const [root = '', horizon = ''] = process.argv.slice(2);
const { catalog } = makeHome(root);
await catalog.removeWals(({ name }) => name < horizon);
