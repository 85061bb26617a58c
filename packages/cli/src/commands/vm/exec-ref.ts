/** Finds a command in the background by its id or the beginning of one. */
import type { BackgroundExec } from "fastvm";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";

export async function execFor(
  { client, signal }: Session,
  vmId: string,
  beginning: string,
): Promise<BackgroundExec> {
  const found = (await client.vms.execs.list(vmId, { signal })).filter(({ id }) => id.startsWith(beginning));
  const [one, another] = found;
  if (one === undefined)
    throw new UserError(`The VM has no command ${beginning}`, "fastvm ps VM lists what there is");
  if (another !== undefined)
    throw new UserError(`Several commands begin with ${beginning}`, "Type more of the id");
  return one;
}
