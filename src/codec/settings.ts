/** What the streams that compress and encrypt need to know: one value for each server, `scope.codecs`. */
import type { CompressionLevel } from '../domain/codecs.ts';

export interface CodecSettings {
  readonly level: CompressionLevel;
  /** Command lines of the administrator; run by a shell. */
  readonly customCompressionFilter: string | null;
  readonly customDecompressionFilter: string | null;
  /** `0x...`: how a file of the custom filter begins. */
  readonly customCompressionMagic: string | null;
  /** The recipient of what gpg encrypts. */
  readonly encryptionKeyId: string | null;
  /** A command line of the administrator that prints the passphrase of the private key. */
  readonly encryptionPassphraseCommand: string | null;
  readonly searchPath: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The options that the settings are made of, as a server's configuration has them. */
export type CodecOptions = Readonly<
  Partial<
    Omit<CodecSettings, 'level' | 'searchPath' | 'env'> & { compressionLevel: CompressionLevel | null | undefined }
  >
>;

/** `searchPath` is where the programs are looked for, `env` what they and the filters get. */
export function codecSettings(options: CodecOptions, searchPath: string, env: NodeJS.ProcessEnv): CodecSettings {
  return {
    level: options.compressionLevel ?? 'medium',
    customCompressionFilter: options.customCompressionFilter ?? null,
    customDecompressionFilter: options.customDecompressionFilter ?? null,
    customCompressionMagic: options.customCompressionMagic ?? null,
    encryptionKeyId: options.encryptionKeyId ?? null,
    encryptionPassphraseCommand: options.encryptionPassphraseCommand ?? null,
    searchPath,
    env,
  };
}
