/** All tables. */
import { CHANGING, RESTORING } from './changing.ts';
import { CONNECTED } from './connected.ts';
import type { Line } from './line.ts';
import { READING } from './reading.ts';
import { USAGE } from './usage.ts';

export const ALL_LINES: readonly Line[] = [...USAGE, ...READING, ...CHANGING, ...RESTORING, ...CONNECTED];
