/** What happens in a folder of a machine, told at a socket. */
import type { WatchStart } from "@fastvm/contract";
import type { VmRecord } from "../../../engine/engine.ts";
import { machinePath } from "../machine-path.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { send, type Connected } from "../../shared/serve-socket.ts";

/** Rejects with `file_not_found` when the folder is gone. What happens before `watch_started` is not told, and all of it afterwards. */
export async function tellWatched(
  { files }: MachinesScope["engine"],
  { id }: VmRecord,
  { path, recursive }: WatchStart,
  { socket, signal }: Connected,
): Promise<void> {
  const watched = machinePath(path, "path");
  const events = await files.watch(id, watched, { recursive: recursive ?? false, signal });
  await send(socket, { type: "watch_started", path: watched });
  for await (const event of events)
    await send(socket, { type: "watch_event", event: { type: event.type, path: event.path } });
}
