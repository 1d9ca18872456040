/**
 * The shape of a backup: who copied it, how its files are kept, what it is built on and where it lies. What can be done
 * with it follows from that alone and is told here and nowhere else: what this release learns takes a row out of OBSTACLES.
 */
import { isObject, type Location } from '../location.ts';
import type { BackupInfo } from './backup-info.ts';

/** Who copied the data: pg_basebackup, rsync, or a storage that made a snapshot of its disks. */
export type Origin = 'postgres' | 'rsync' | 'snapshot' | 'other';

export interface BackupLayout {
  readonly origin: Origin;
  /** The files of the cluster, or archives of them. */
  readonly format: 'plain' | 'tar';
  /** As recorded: gzip, lz4, zstd, none; null for plain files. */
  readonly codec: string | null;
  readonly cipher: string | null;
  readonly chain: { readonly kind: 'full' } | { readonly kind: 'incremental'; readonly parent: string };
  readonly place: Location;
  /** Where the WAL is that it needs. */
  readonly walPlace: Location;
}

/** Where a server keeps its backups and its WAL. */
export interface Places {
  readonly base: Location;
  readonly wals: Location;
}

export function layoutOf(info: BackupInfo, { base, wals }: Places): BackupLayout {
  const { compression: codec, encryption: cipher, parentBackupId: parent } = info;
  return {
    origin: originOf(info),
    format: codec === null && cipher === null ? 'plain' : 'tar',
    codec,
    cipher,
    chain: parent === null ? { kind: 'full' } : { kind: 'incremental', parent },
    place: base,
    walPlace: wals,
  };
}

/** Old releases wrote other words behind the dash: `rsync-exclusive`. */
export function originOf({ mode }: BackupInfo): Origin {
  if (mode === 'postgres') return 'postgres';
  if (mode?.startsWith('snapshot')) return 'snapshot';
  return mode?.startsWith('rsync') ? 'rsync' : 'other';
}

/** Built on no other backup: what redundancy counts and a chain begins with. */
export function isFull({ parentBackupId }: BackupInfo): boolean {
  return parentBackupId === null;
}

export type BackupType = 'full' | 'incremental' | 'rsync' | 'snapshot';

/** The one word for it that listings have. */
export function backupType(info: BackupInfo): BackupType {
  const origin = originOf(info);
  if (origin === 'snapshot' || origin === 'rsync') return origin;
  return isFull(info) ? 'full' : 'incremental';
}

/** What a restore has to do before the files can be put in their place, in this order. */
export type Stage = 'fetch' | 'decrypt' | 'unpack' | 'combine';

const STAGES: Readonly<Record<Stage, (layout: BackupLayout) => boolean>> = {
  fetch: ({ place }) => isObject(place),
  decrypt: ({ cipher }) => cipher !== null,
  unpack: ({ codec }) => codec !== null,
  combine: ({ chain }) => chain.kind === 'incremental',
};

export function stagesOf(layout: BackupLayout): readonly Stage[] {
  return (Object.keys(STAGES) as Stage[]).filter((stage) => STAGES[stage](layout));
}

export type Action = 'restore here' | 'restore there' | 'verify' | 'export' | 'import' | 'link' | 'delete' | 'keep';

/** Which trait of the layout is in the way. */
export type Trait = 'snapshot' | 'incremental' | 'encrypted' | 'archives' | 'objects' | 'WAL in objects';

const TRAITS: Readonly<Record<Trait, (layout: BackupLayout) => boolean>> = {
  snapshot: ({ origin }) => origin === 'snapshot',
  incremental: ({ chain }) => chain.kind === 'incremental',
  encrypted: ({ cipher }) => cipher !== null,
  archives: ({ format }) => format === 'tar',
  objects: ({ place }) => isObject(place),
  'WAL in objects': ({ walPlace }) => isObject(walPlace),
};

/** How the backup and its server are called, for the words of a refusal. */
export interface Subject {
  readonly backup: string;
  readonly server: string;
}

type Words = (subject: Subject, layout: BackupLayout) => string;

interface Obstruction {
  readonly trait: Trait;
  readonly words: Words;
}

/** A restore of this release says the same of all that it cannot do. */
function unrestorable(trait: Trait, what: string | ((layout: BackupLayout) => string)): Obstruction {
  return {
    trait,
    words: ({ backup, server }, layout) =>
      `Cannot restore from backup '${backup}' of server '${server}': ${typeof what === 'string' ? what : what(layout)} is not supported by this release`,
  };
}

const UNRESTORABLE: readonly Obstruction[] = [
  unrestorable('snapshot', 'restoring a snapshot backup'),
  unrestorable('incremental', 'restoring an incremental backup'),
  unrestorable('encrypted', ({ cipher }) => `restoring a backup encrypted with ${cipher}`),
  unrestorable('objects', 'restoring a backup from cloud storage'),
  unrestorable('WAL in objects', 'restoring WAL from cloud storage'),
];

const elsewhere: Words = ({ backup, server }) =>
  `Skipping delete of backup ${backup} for server ${server}: its data is a disk snapshot or in object storage, which this release cannot delete`;
const noPlainFiles: Words = ({ backup }) =>
  `Backup ${backup} has no plain files: nothing of it is used for this backup`;
const noCloudExport: Words = () => 'Backup export is not supported for cloud storage';

/** What keeps an action from being done, in the order in which it is said. */
const OBSTACLES: Readonly<Record<Action, readonly Obstruction[]>> = {
  'restore here': UNRESTORABLE,
  'restore there': [unrestorable('archives', 'restoring a compressed backup to another host'), ...UNRESTORABLE],
  verify: [{ trait: 'encrypted', words: () => 'Backup verification is not supported for encrypted backups' }],
  export: [
    {
      trait: 'incremental',
      words: ({ backup, server }) =>
        `Cannot export backup ${backup} from server ${server}: it is an incremental backup.\nOnly full backups are eligible for exporting.`,
    },
    { trait: 'objects', words: noCloudExport },
    { trait: 'WAL in objects', words: noCloudExport },
    {
      trait: 'snapshot',
      words: ({ backup }) => `Cannot export backup '${backup}': its data is a disk snapshot, not files`,
    },
  ],
  import: [
    { trait: 'incremental', words: ({ backup }) => `Cannot import backup '${backup}': it is an incremental backup` },
    { trait: 'snapshot', words: ({ backup }) => `Cannot import backup '${backup}': its data is a disk snapshot` },
  ],
  link: [
    { trait: 'archives', words: noPlainFiles },
    { trait: 'snapshot', words: noPlainFiles },
  ],
  delete: [
    { trait: 'snapshot', words: elsewhere },
    { trait: 'objects', words: elsewhere },
  ],
  keep: [
    {
      trait: 'incremental',
      words: ({ backup }) =>
        `Unable to execute the keep command on backup ${backup}: is an incremental backup.\nOnly full backups are eligible for the use of the keep command.`,
    },
  ],
};

export interface Obstacle {
  readonly trait: Trait;
  /** The whole sentence. */
  readonly words: string;
}

/** Why an action cannot be done with a backup of this layout; null when it can. */
export function obstacleTo(action: Action, layout: BackupLayout, subject: Subject): Obstacle | null {
  const found = OBSTACLES[action].find(({ trait }) => TRAITS[trait](layout));
  return found === undefined ? null : { trait: found.trait, words: found.words(subject, layout) };
}
