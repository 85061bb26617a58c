/** `--ttl`: how long a VM runs, and what becomes of it then. */
import { InvalidArgumentError } from "commander";
import type { VmTtl } from "fastvm";
import { duration } from "../../command-line/option-values.ts";

/** What is lost by a pause comes back. */
const DEFAULT_ACTION = "pause";

/** `90m`, `12h:delete`. */
export function timeToLive(text: string): VmTtl {
  const [time = "", action = DEFAULT_ACTION, ...others] = text.split(":");
  if (others.length > 0 || (action !== "pause" && action !== "delete"))
    throw new InvalidArgumentError(
      "It must be a time, and maybe pause or delete, such as 90m or 12h:delete.",
    );
  return { seconds: duration(time) / 1000, action };
}

export const TTL_TEXT = "how long it may run, and what then, such as 90m or 12h:delete (default: pause)";
