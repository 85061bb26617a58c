/** What an image may cost before anybody has looked into it. Real images are far below each of these. */

/** The largest public images, with models in them, are about half of this. */
export const MAX_IMAGE_BYTES = 16 * 1024 ** 3;
/** Docker stops at 127; some builders do not. */
export const MAX_LAYERS = 512;
/** Registries refuse larger manifests; an index of 30 platforms has 15 KiB. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** With a history of some hundred steps and long labels a configuration has 100 KiB. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
/** In an archive: old ones have a folder and two files beside each layer. Each file is synced, which takes a hundredth of a second. */
export const MAX_ARCHIVE_ENTRIES = 2500;
