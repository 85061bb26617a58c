/** Where nothing is mounted over: the guest would lose its programs, its devices or its agent. */
const SYSTEM: ReadonlySet<string> = new Set([
  ...["bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr"],
]);

/** Of a path that is absolute and normalised: whether it is the root, or in a folder of the system's. */
export function isOfSystem(path: string): boolean {
  const [, first = ""] = path.split("/");
  return first === "" || SYSTEM.has(first);
}
