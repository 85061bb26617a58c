/**
 * The native program through which QEMUs and daemons start: it closes what whoever starts them had
 * open, and gives a QEMU a root, namespaces and limits of its own. See packages/worker/native/confine.
 */
import { fileURLToPath } from "node:url";

export const CONFINE_PATH = fileURLToPath(new URL("../../native/build/confine", import.meta.url));

export const NAMESPACE_KINDS = ["mount", "pid", "ipc", "uts"] as const;
export type NamespaceKind = (typeof NAMESPACE_KINDS)[number];

/** A file or folder of the host that a confined program may read and execute. */
export interface Exposed {
  readonly path: string;
  /** What it is called inside; default: the same. */
  readonly as?: string;
}

export interface Confinement {
  /** A user of its own, with the group of the same number. */
  readonly uid: number;
  /** Those this host gives. With `mount` the program sees its working directory, as /vm, and what is exposed, and nothing else. */
  readonly namespaces: ReadonlySet<NamespaceKind>;
  readonly exposed: readonly Exposed[];
  /** It gets their groups, too, where they are not everybody's. */
  readonly devices: readonly string[];
  /** Folders of control groups. */
  readonly groups: readonly string[];
  readonly network: ConfinedNetwork | undefined;
  /** The largest file it may write. */
  readonly maxFileBytes: number;
  /** Listeners of the loopback as descriptors 4 and 5, to which the kernel may lead connections to anybody. Default: none. */
  readonly listens?: "ipv4" | "ipv4 and ipv6";
  /** How many it may have; default: as many as a QEMU. */
  readonly descriptors?: number;
}

/** A network namespace, and a TAP device of it that is open as `tapFd`. */
interface ConfinedNetwork {
  readonly namespace: string;
  readonly tap: string;
  readonly tapFd: number;
}

export function confineArguments(confinement: Confinement): readonly string[] {
  const { uid, namespaces, exposed, devices, groups, network, maxFileBytes, listens, descriptors } =
    confinement;
  return [
    ...["--user", `${uid}`, "--file-size", `${maxFileBytes}`],
    ...(network === undefined ? [] : networkArguments(network)),
    ...(listens === undefined ? [] : ["--listen", listens === "ipv4" ? "4" : "6"]),
    ...(descriptors === undefined ? [] : ["--descriptors", `${descriptors}`]),
    ...each("--group", groups),
    ...each("--device", devices),
    ...each("--unshare", [...namespaces]),
    ...(namespaces.has("mount") ? ["--root", ...exposed.flatMap(exposeArguments)] : []),
  ];
}

function networkArguments({ namespace, tap, tapFd }: ConfinedNetwork): readonly string[] {
  return ["--network", namespace, "--tap", tap, "--tap-descriptor", `${tapFd}`];
}

function exposeArguments({ path, as }: Exposed): readonly string[] {
  return ["--expose", as === undefined ? path : `${path}:${as}`];
}

function each(option: string, values: readonly string[]): readonly string[] {
  return values.flatMap((value) => [option, value]);
}
