/** A folder or a disk of the host as the root of a sandbox: an image is made of it, by a name that is its path's alone. */
import { createHash } from "node:crypto";
import { FILE_SYSTEM_NAME, type SandboxSpec } from "@fastvm/contract";
import type { HostRoot } from "../../../engine/engine.ts";
import { invalid } from "./invalid.ts";
import { hostPathOf } from "./setup.ts";

type OfHost = Exclude<SandboxSpec["image"], { type: "oci" }>;

export function hostRootOf(image: OfHost): HostRoot {
  const path = hostPathOf(image.path, "image.path");
  const format = image.type === "bind" ? "folder" : image.format;
  const fstype = (image.type === "bind" ? undefined : image.fstype) ?? undefined;
  if (fstype !== undefined && !FILE_SYSTEM_NAME.test(fstype))
    throw invalid("image.fstype", "is no kind of file system");
  const digest = createHash("sha256").update(JSON.stringify([path, format, fstype ?? null]));
  const name = `localhost/host-root/${digest.digest("hex").slice(0, 32)}:latest`;
  return { path, format, fstype, name };
}
