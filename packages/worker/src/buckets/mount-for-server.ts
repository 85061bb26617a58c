/**
 * Mounts a file system in a namespace of mounts that lives no longer than it takes to hand it to a server: that holds it from then on, and
 * when nobody does it is gone. The host itself never sees it, so nothing that goes through the host's folders can go into a bucket.
 */
import { open } from "node:fs/promises";
import { startStepwise } from "../processes/spawn.ts";

/** A tool asks its store before it answers, at most as often and as long as it is told. */
const ATTACH_MS = 45_000;

/** Whoever waits for an answer has no descriptor of it: the kernel answers for a tool that has ended when nobody else has any. */
const SCRIPT = `mount -i -t fuse -o "$1" bucket "$2" && echo mounted && read -r go_on || exit 1
shift 2
exec 3<&-
exec "$@"`;

interface Mounting extends AsyncDisposable {
  /** Of the file system, which waits for whoever answers for it. */
  readonly fuseFd: number;
  /** When somebody has it: resolves once the server has it, too. */
  attached(): Promise<void>;
}

export async function mountForServer({
  target,
  uid,
  attach,
  cwd,
}: {
  /** A folder, which is left as it is. */
  readonly target: string;
  /** Who answers for it. */
  readonly uid: number;
  readonly attach: readonly string[];
  readonly cwd: string;
}): Promise<Mounting> {
  const fuse = await open("/dev/fuse", "r+");
  const users = `user_id=${uid},group_id=${uid}`;
  const options = `fd=3,rootmode=40000,${users},allow_other,nosuid,nodev,noexec`;
  const inNamespace = ["--mount", "--propagation", "private", "--", "sh", "-c", SCRIPT, "sh"];
  const holder = startStepwise("unshare", [...inNamespace, options, target, ...attach], { cwd, fd: fuse.fd });
  const late = setTimeout(() => holder.kill(), ATTACH_MS);
  let isOpen = true;
  const letGo = async () => {
    if (isOpen) await fuse.close();
    isOpen = false;
  };
  const end = async () => {
    clearTimeout(late);
    holder.kill();
    await letGo();
  };
  try {
    await holder.ready;
  } catch (error) {
    await end();
    throw error;
  }
  return {
    fuseFd: fuse.fd,
    attached: async () => {
      await letGo();
      holder.goOn();
      await holder.done;
    },
    [Symbol.asyncDispose]: end,
  };
}
