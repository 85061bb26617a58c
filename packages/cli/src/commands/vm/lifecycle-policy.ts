/** `--max-life` and `--idle`: when a VM ends by itself, and what becomes of it then. */
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { IdlePolicy, MaxLife } from "fastvm";
import { duration } from "../../command-line/option-values.ts";

/** What is lost by a pause comes back. */
const DEFAULT_ACTION = "pause";
const ACTIONS: readonly string[] = ["pause", "stop", "delete"];
/** Behind the action of `--idle`. */
const GUEST_WORK = "work";

const MAX_LIFE =
  "how long it lives, running or not, and what then: pause, stop or delete, such as 30d:delete (default: pause)";
const IDLE =
  "how long it may run unused, and what then, such as 20m:stop; with :work its guest's own work is use (default: pause)";

export interface PolicyOptions {
  readonly maxLife?: MaxLife;
  readonly idle?: IdlePolicy;
}

/** `30d:delete`, `90m`. */
export function maxLife(text: string): MaxLife {
  const [time = "", action = DEFAULT_ACTION, ...others] = text.split(":");
  if (others.length > 0 || !ACTIONS.includes(action))
    throw new InvalidArgumentError(
      "It must be a time, and maybe pause, stop or delete, such as 90m or 30d:delete.",
    );
  return { action, seconds: duration(time) / 1000 };
}

/** `20m`, `20m:stop`, `20m:stop:work`. */
export function idle(text: string): IdlePolicy {
  const [time = "", action = DEFAULT_ACTION, work, ...others] = text.split(":");
  if (others.length > 0 || !ACTIONS.includes(action) || (work ?? GUEST_WORK) !== GUEST_WORK)
    throw new InvalidArgumentError(
      "It must be a time, and maybe pause, stop or delete, and then maybe work, such as 20m or 2h:stop:work.",
    );
  return { action, seconds: duration(time) / 1000, ...(work === undefined ? {} : { guestWork: true }) };
}

export function addPolicyOptions(command: Command): Command {
  return command
    .option("--max-life <time[:action]>", MAX_LIFE, maxLife)
    .option("--idle <time[:action[:work]]>", IDLE, idle);
}

/** Of a VM that is there. */
export function addPolicyChanges(command: Command): Command {
  return command
    .option("--max-life <time[:action]>", `${MAX_LIFE}; it counts from now`, maxLife)
    .option("--no-max-life", "let it live for ever")
    .option("--idle <time[:action[:work]]>", `${IDLE}; it counts from now`, idle)
    .option("--no-idle", "let it run unused");
}
