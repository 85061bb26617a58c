/**
 * `/v1/volumes/{id or name}/ws`: what happens in a folder of a volume, whether a machine has it or not. The first message says which one:
 *
 *     → watch_start {path, recursive}                    ← watch_started {path}, watch_event {event: {type, path}}
 */
import { SOCKET_BEGINNINGS, type WatchStart } from "@fastvm/contract";
import { send, type Connected } from "../../shared/serve-socket.ts";
import { findVolume } from "../ids.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { checkersOf, onlyMessage, parse } from "./inbox.ts";
import { serveSocket } from "./serve-socket.ts";

const PATH = /^(?:\/nullspace)?\/v1\/volumes\/([^/]+)\/ws$/;
/** A path. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** Whoever opens a socket knows what for. */
const FIRST_MESSAGE_MS = 30_000;
const BEGINNINGS = checkersOf({ watch_start: SOCKET_BEGINNINGS.watch_start });

type Api = Omit<MachinesScope, "routes">;

export function serveVolumeSocket(api: Api): void {
  serveSocket<string>(api, {
    path: PATH,
    needs: "read",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    wantedOf: ({ pathname, searchParams }) => {
      const channel = searchParams.get("channel") ?? "watch";
      return channel === "watch" ? decoded(PATH.exec(pathname)?.[1] ?? "") : undefined;
    },
    run: (connected, reference) => run(api, connected, reference),
  });
}

async function run({ engine }: Api, { caller, socket, signal }: Connected, reference: string): Promise<void> {
  const said = onlyMessage(socket, AbortSignal.timeout(FIRST_MESSAGE_MS));
  const { volume } = await findVolume(engine, caller, reference);
  const first = await said;
  if (first === undefined && signal.aborted) return;
  const { path, recursive } = parse(first ?? "", BEGINNINGS) as WatchStart;
  const options = { recursive: recursive ?? false, signal };
  const events = await engine.volumes.files.watch(caller, volume.id, path, options);
  await send(socket, { type: "watch_started", path });
  for await (const { type, path: at } of events) {
    await send(socket, { type: "watch_event", event: { type, path: at } });
  }
}

/** A name may have whatever a URL encodes. */
function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
