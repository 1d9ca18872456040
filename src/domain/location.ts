/**
 * Where base backups, WAL or their index are kept: a directory of this host, or a bucket. Nothing else looks into such a
 * text. Source: docs/behaviour/config.md 5, docs/behaviour/cloud.md 1.4.
 */

export interface DirectoryLocation {
  readonly kind: 'directory';
  readonly path: string;
}

export interface ObjectLocation {
  readonly kind: 'object';
  /** unknown: a URL that no provider has; options that take only directories are not asked what they hold. */
  readonly provider: 's3' | 'azure' | 'gcs' | 'unknown';
  /** The host of an Azure storage account; null elsewhere. */
  readonly account: string | null;
  /** Bucket, access point (its whole ARN) or container. */
  readonly bucket: string;
  /** Without slashes before it; '' for the whole bucket. What follows is an object's name as it is: S3 counts slashes. */
  readonly prefix: string;
  /** As written. */
  readonly url: string;
}

export type Location = DirectoryLocation | ObjectLocation;

interface UrlForm {
  readonly provider: ObjectLocation['provider'];
  /** account, bucket and path are named groups. */
  readonly pattern: RegExp;
}

/** An access point: its ARN holds slashes. */
const ARN =
  'arn:(?:aws|aws-cn|aws-us-gov):(?:s3|s3-object-lambda):[^:/]*:\\d{12}:accesspoint[/:][^/:]+' +
  '|arn:(?:aws|aws-cn|aws-us-gov):s3-outposts:[^:/]*:\\d{12}:outpost[/:][^/:]+[/:]accesspoint[/:][^/:]+';

const FORMS: readonly UrlForm[] = [
  { provider: 's3', pattern: new RegExp(`^s3://(?<bucket>${ARN}|[^/]+)(?:/+(?<path>.*))?$`, 's') },
  { provider: 'gcs', pattern: /^gs:\/\/(?<bucket>[^/]+)(?:\/+(?<path>.*?)\/*)?$/s },
  {
    provider: 'gcs',
    pattern:
      /^https:\/\/console\.cloud\.google\.com\/storage\/browser\/(?=.)\/*(?<bucket>[^/]*)(?:\/+(?<path>.*?)\/*)?$/s,
  },
  {
    provider: 'azure',
    pattern: /^https:\/\/(?<account>[^/.]+\.blob\.core\.windows\.net)\/(?=.)\/*(?<bucket>[^/]*)(?:\/+(?<path>.*))?$/s,
  },
];

/** Reads the text of a directory option. Every text is one; relative paths stay relative. */
export function parseLocation(text: string): Location {
  if (!text.includes('://')) return { kind: 'directory', path: text };
  for (const { provider, pattern } of FORMS) {
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) continue;
    const { account = null, bucket = '', path = '' } = groups;
    return { kind: 'object', provider, account, bucket, prefix: path, url: text };
  }
  return { kind: 'object', provider: 'unknown', account: null, bucket: '', prefix: '', url: text };
}

/** To the letter as it was written. */
export function formatLocation(location: Location): string {
  return location.kind === 'directory' ? location.path : location.url;
}

/** True for a bucket: nothing there can be opened, listed or removed as a file. */
export function isObject(location: Location): location is ObjectLocation {
  return location.kind === 'object';
}
