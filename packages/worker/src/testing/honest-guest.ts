/** A guest of a scripted QEMU that does as it is asked. */
import { randomBytes } from "node:crypto";
import { Kind } from "../guest-link/protocol.ts";
import type { ScriptedGuest } from "../guest-link/scripted-guest.ts";
import { PAGE_BYTES } from "../memory/mapping.ts";
import type { ScriptedQemu } from "./scripted-qemu.ts";

/** What each guest writes to whenever it goes on. */
const PAGES = [1, 2, 200];

/** It answers while it runs. */
export function oblige(qemu: ScriptedQemu, guest: ScriptedGuest): void {
  let isAwaited = false;
  guest.onHello = () => {
    if (qemu.isRunning) guest.welcome();
    else isAwaited = true;
  };
  qemu.onContinue = async () => {
    for (const page of PAGES) await qemu.writePage(page, randomBytes(PAGE_BYTES));
    if (isAwaited) guest.welcome();
    isAwaited = false;
  };
  guest.onFrame = ({ kind, stream, payload }) => {
    if (kind === Kind.PING) guest.send(Kind.PONG, stream, payload);
    if (kind === Kind.OPEN_EXEC) guest.exit(stream, 0);
    if (kind === Kind.IDENTITY) guest.send(Kind.IDENTITY_DONE, stream, Buffer.alloc(4));
  };
}
