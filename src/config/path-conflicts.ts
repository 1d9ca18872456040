/**
 * Directories that two servers, or two purposes of one server, would share. Paths are compared with their symbolic links
 * resolved; nesting is allowed. Source: docs/behaviour/config.md 7, "Path conflicts".
 */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isObject, parseLocation } from '../domain/location.ts';
import type { OptionName } from './options.ts';

const LABELS: readonly OptionName[] = [
  'backup_directory',
  'basebackups_directory',
  'errors_directory',
  'incoming_wals_directory',
  'streaming_wals_directory',
  'wals_directory',
];

export interface PathOwner {
  readonly name: string;
  readonly values: ReadonlyMap<OptionName, unknown>;
}

export interface PathConflicts {
  /** Between servers: no command may run. */
  readonly between: readonly string[];
  /** Within one server, by its name: it is disabled. */
  readonly within: ReadonlyMap<string, readonly string[]>;
}

/** Compares the directories of servers given in name order. */
export function findPathConflicts(servers: readonly PathOwner[]): PathConflicts {
  const realPath = realPathResolver();
  const owners = new Map<string, { server: string; label: string }>();
  const between: string[] = [];
  const within = new Map<string, string[]>();
  for (const server of servers) {
    for (const label of LABELS) {
      const path = server.values.get(label);
      if (typeof path !== 'string' || isObject(parseLocation(path))) continue;
      const real = realPath(path);
      const owner = owners.get(real);
      if (!owner) {
        owners.set(real, { server: server.name, label });
        continue;
      }
      const where = real === path ? path : `${path} (symlink to: ${real})`;
      if (owner.server === server.name) {
        const list = within.get(server.name) ?? [];
        list.push(`Conflicting path: ${label}=${where} conflicts with '${owner.label}' for server '${server.name}'`);
        within.set(server.name, list);
      } else {
        between.push(
          `Conflicting path: ${label}=${where} for server '${server.name}' conflicts with '${owner.label}' for server '${owner.server}'`,
        );
      }
    }
  }
  return { between, within };
}

const MAX_LINKS = 40;

/** realpath() that also works for what does not exist yet, each directory looked at once. */
function realPathResolver(): (path: string) => string {
  const known = new Map<string, Found>([['/', { real: '/', exists: true }]]);
  const follow = (path: string, links: number): Found => {
    const cached = known.get(path);
    if (cached) return cached;
    const parent = follow(dirname(path), links);
    const found = look(parent, path.slice(path.lastIndexOf('/') + 1), links);
    known.set(path, found);
    return found;
  };
  const look = (parent: Found, name: string, links: number): Found => {
    const here = parent.real === '/' ? `/${name}` : `${parent.real}/${name}`;
    // Nothing can be a link below what is not there: a fresh server costs one look, not six.
    if (!parent.exists) return { real: here, exists: false };
    const stat = lookAt(here);
    if (!stat?.isSymbolicLink() || links >= MAX_LINKS) return { real: here, exists: stat !== undefined };
    return follow(resolve(parent.real, readlinkSync(here)), links + 1);
  };
  return (path) => follow(resolve(path), 0).real;
}

interface Found {
  readonly real: string;
  readonly exists: boolean;
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Not ours to look at: the name stands for itself.
    return undefined;
  }
}
