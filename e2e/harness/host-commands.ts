/** Which commands are for whoever runs the host, or about the command itself: their examples are typed by a test of their own. */
const OF_HOST: ReadonlySet<string> = new Set([
  "serve",
  "daemon",
  "doctor",
  "backup",
  "restore",
  "quarantine",
  "org",
  "key",
  "image",
  "system",
  "build",
  "registry",
  "login",
  "logout",
  "context",
  "config",
  "completion",
  "man",
]);

export function isOfHost(path: string): boolean {
  return OF_HOST.has(path.split(" ")[0] ?? "");
}
