/**
 * What tools have of our environment: what programs need to be found, to have a place for their files and to speak, and what bounds their
 * memory. No key, of which the environment of a daemon may have some, such as that for a collector of traces.
 */
const PASSED = /^(PATH|HOME|TMPDIR|LANG|LC_[A-Z]+|MALLOC_[A-Z_]+)$/;

export function toolEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED.test(name)));
}
