/** How this host compresses and decompresses: there is no server configuration here. */
import { type CodecSettings, codecSettings } from '../codec/settings.ts';
import type { CompressionLevel } from '../domain/codecs.ts';

export function codecsHere(level?: CompressionLevel): CodecSettings {
  return codecSettings({ compressionLevel: level }, process.env.PATH ?? '', process.env);
}
