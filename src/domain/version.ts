/** Who we are. Scripts compare the first word of `--version` with a Barman release. */

/** The release of Barman whose behaviour this program reproduces. */
export const COMPATIBLE_VERSION = '3.20.1';
/** Our own version, as in package.json (a test compares them). */
export const OWN_VERSION = '0.1.0';
/** What `barman --version` prints. */
export const VERSION_LINE = `${COMPATIBLE_VERSION} Barman in TypeScript ${OWN_VERSION} (compatible with Barman ${COMPATIBLE_VERSION}, not made by EnterpriseDB)`;
