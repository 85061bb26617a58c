/** The one writer of what a guest trusts. What its owner added stays. */
import { NO_SETTING, startExec } from "../exec/start-exec.ts";
import type { GuestLink } from "../guest-link/guest-link.ts";
import { bundleBy, trustCommand } from "./trust-command.ts";
import type { HeldTrust, Trust } from "./trust.ts";

/** 0.6 to 1.2 s under emulation on a busy host; a hook that starts Java takes many times that. */
const WRITE_LIMIT_MS = 60_000;
/** Of what a guest says about its failure. */
const MAX_REASON_CHARS = 500;

/** Makes the guest trust exactly these beside its own. Rejects when it did not come to that. */
export async function writeTrust(link: GuestLink, trust: Trust | undefined): Promise<HeldTrust | undefined> {
  const written = await run(link, trustCommand(trust?.anchors ?? []));
  return trust === undefined ? undefined : { digest: trust.digest, ...written };
}

async function run(link: GuestLink, command: readonly string[]): Promise<Pick<HeldTrust, "bundle">> {
  let said = "";
  for await (const event of startExec(link, { command, timeoutMs: WRITE_LIMIT_MS }, NO_SETTING)) {
    if (event.kind !== "exit") {
      said = (said + Buffer.from(event.data).toString()).slice(-MAX_REASON_CHARS);
    } else {
      const written = event.timedOut ? "failed" : bundleBy(event.exitCode);
      if (written !== "failed") return written;
      const reason = event.timedOut ? `it took more than ${WRITE_LIMIT_MS} ms` : said.trim();
      throw new Error(`The guest does not take the certificates that it is to trust: ${reason}`);
    }
  }
  throw new Error("The guest did not say whether it took the certificates that it is to trust");
}
