/**
 * What each kind of `tar` can keep of a file, as options. Both sides of a transfer are asked which they have: an archive
 * with holes must be unpacked by a tar that knows them. Of `busybox` and others only what all of them share is asked.
 */
export type TarFlavor = "gnu" | "bsd" | "other";

/** By the first line of `tar --version`. */
export function tarFlavor(version: string): TarFlavor {
  if (version.includes("GNU tar")) return "gnu";
  return version.includes("bsdtar") ? "bsd" : "other";
}

/** Labels of SELinux belong to one machine's policy and would be wrong on another. ACLs are attributes too, with numbers in them. */
const GNU_ATTRIBUTES = ["--xattrs", "--xattrs-include=*", "--xattrs-exclude=security.selinux"];

/**
 * For packing. The POSIX format holds times to the nanosecond, attributes, holes, and names of any length and bytes. Users go by
 * number: the names of one machine mean others on another, or nobody.
 */
export function packOptions(packer: TarFlavor, unpacker: TarFlavor): string[] {
  if (packer === "other") return [];
  if (unpacker === "other") return packer === "gnu" ? ["--format=gnu"] : [];
  if (packer === "bsd") return ["--format=pax", "--numeric-owner"];
  // Without being told that names are bytes, bsdtar takes them for text and fails at the first that is none in its locale.
  const names = unpacker === "bsd" ? ",hdrcharset:=BINARY" : "";
  const format = ["--format=posix", `--pax-option=delete=atime,delete=ctime${names}`];
  return [...format, "--sparse", "--numeric-owner", ...GNU_ATTRIBUTES];
}

interface UnpackRules {
  readonly flavor: TarFlavor;
  /** Only root may give files away. */
  readonly isRoot: boolean;
  /** Folders that are there keep what they are: /tmp must not become what the copied folder was. */
  readonly joinsFolder: boolean;
}

export function unpackOptions({ flavor, isRoot, joinsFolder }: UnpackRules): string[] {
  if (flavor === "other") return ["-p"];
  const owners = [isRoot ? "--same-owner" : "--no-same-owner", "--numeric-owner"];
  if (flavor === "bsd") return ["-p", "--xattrs", ...owners];
  // An attribute that the user may not set or the file system has not is no reason to fail, and hundreds of them would hide one.
  const attributes = [...GNU_ATTRIBUTES, "--warning=no-xattr-write"];
  return ["-p", ...owners, ...attributes, ...(joinsFolder ? ["--no-overwrite-dir"] : [])];
}

/** A file of its own brings its bytes, holes, time and mode; it belongs to whoever unpacks it. */
export const UNPACK_ONE_FILE: readonly string[] = ["-p", "--no-same-owner"];
