/** When a VM starts by itself that has ended without having been told to. */
import type { EndCause } from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";

/** One that ran so long did not end for what ended the one before. */
const LASTING_MS = 60_000;
/** Of the second in a row; twice as long each time, up to the last. */
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 5 * 60_000;

const NO_RESTART: Pick<VmChanges, "restartAt"> = { restartAt: null };

/** `cause` undefined: it was told to end. */
export function restartAfter(
  { restartPolicy, restartCount, startedAt }: Pick<VmRecord, "restartPolicy" | "restartCount" | "startedAt">,
  cause: EndCause | undefined,
  at: number,
): Pick<VmChanges, "restartAt" | "restartCount"> {
  const isCovered = restartPolicy === "always" || (restartPolicy === "on-host-failure" && cause === "host");
  if (cause === undefined || !isCovered) return NO_RESTART;
  const count = startedAt !== null && at - startedAt >= LASTING_MS ? 0 : restartCount;
  const pauseMs = count === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), LAST_PAUSE_MS);
  return { restartAt: at + pauseMs, restartCount: count + 1 };
}
