/** `dev:/root/file` is a path in a VM, everything else one of this machine. */
import { basename } from "node:path";
import { UserError } from "../../user-error.ts";

export interface RemoteLocation {
  readonly vm: string;
  readonly path: string;
}

/** A colon before the first slash, as scp has it; `./a:b` is a local file. */
export function parseRemote(text: string): RemoteLocation | undefined {
  const colon = text.indexOf(":");
  const slash = text.indexOf("/");
  if (colon < 1 || (slash !== -1 && slash < colon)) return undefined;
  const path = text.slice(colon + 1);
  if (!path.startsWith("/")) {
    throw new UserError(`${JSON.stringify(text)} needs an absolute path in the VM`, "Write VM:/path");
  }
  return { vm: text.slice(0, colon), path };
}

/** A target that ends in a slash keeps the source's name. */
export function targetPath(target: string, source: string): string {
  return target.endsWith("/") ? `${target}${basename(source)}` : target;
}
