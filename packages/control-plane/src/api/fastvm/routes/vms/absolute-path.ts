/** Where relative paths begin, as for commands. */
const HOME = "/root";

export function absolute(path: string): string {
  return path.startsWith("/") ? path : `${HOME}/${path}`;
}
