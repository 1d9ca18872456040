import { describe, expect, it } from 'vitest';
import { formatLocation, isObject, parseLocation } from '../../../src/domain/location.ts';

const ARN = 'arn:aws:s3:eu-west-1:123456789012:accesspoint/backups';
const OUTPOST = 'arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-01/accesspoint/backups';

describe('Location', () => {
  it.each(['/srv/barman/main/base', 'relative', '', '/with:colon', '/a//b', 's3:/one-slash'])(
    'is the directory %j',
    (text) => {
      expect(parseLocation(text)).toEqual({ kind: 'directory', path: text });
      expect(isObject(parseLocation(text))).toBe(false);
    },
  );

  it.each([
    ['s3://bucket', 's3', null, 'bucket', ''],
    ['s3://bucket/', 's3', null, 'bucket', ''],
    ['s3://bucket/pre/fix', 's3', null, 'bucket', 'pre/fix'],
    // S3 keeps trailing and inner slashes, they are part of the names.
    ['s3://bucket//pre//fix/', 's3', null, 'bucket', 'pre//fix/'],
    [`s3://${ARN}`, 's3', null, ARN, ''],
    [`s3://${ARN}/pre/fix`, 's3', null, ARN, 'pre/fix'],
    [`s3://${OUTPOST}/pre`, 's3', null, OUTPOST, 'pre'],
    ['gs://bucket/pre/fix/', 'gcs', null, 'bucket', 'pre/fix'],
    ['gs://bucket', 'gcs', null, 'bucket', ''],
    ['https://console.cloud.google.com/storage/browser/bucket/pre/', 'gcs', null, 'bucket', 'pre'],
    ['https://me.blob.core.windows.net/container', 'azure', 'me.blob.core.windows.net', 'container', ''],
    ['https://me.blob.core.windows.net/container/a/b', 'azure', 'me.blob.core.windows.net', 'container', 'a/b'],
    // What Barman accepts without a name of a container; a driver has to refuse it.
    ['https://me.blob.core.windows.net//', 'azure', 'me.blob.core.windows.net', '', ''],
    ['https://me.blob.core.windows.net/', 'unknown', null, '', ''],
    ['ftp://host/path', 'unknown', null, '', ''],
    ['s3://', 'unknown', null, '', ''],
    ['S3://bucket', 'unknown', null, '', ''],
    ['https://me.example.org/container', 'unknown', null, '', ''],
    ['/srv/s3://bucket', 'unknown', null, '', ''],
  ])('%s: provider %s, account %s, bucket %s, prefix %j', (url, provider, account, bucket, prefix) => {
    expect(parseLocation(url)).toEqual({ kind: 'object', provider, account, bucket, prefix, url });
    expect(isObject(parseLocation(url))).toBe(true);
  });

  it.each(['/srv/base', 's3://bucket//x/', 'gs://bucket/x/', 'ftp://x', ''])(
    'formats %j back to the letter',
    (text) => {
      expect(formatLocation(parseLocation(text))).toBe(text);
    },
  );
});
