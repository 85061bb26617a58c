/** A small command in the guest, for what the engine has no verb of its own for. As root, from `/`, whatever the sandbox's user. */
import { FastvmError } from "@fastvm/contract";
import type { AgentContext } from "./agent-context.ts";

const TIMEOUT_MS = 20_000;
/** Of what it says: a path, an address or a reason. */
const MAX_CHARS = 16 * 1024;

type Context = Pick<AgentContext, "engine" | "vmId" | "signal">;

/** Resolves to what it printed; rejects with `file_failed` and the reason that it gave. */
export async function runInGuest(
  { engine, vmId, signal }: Context,
  command: readonly string[],
): Promise<string> {
  const session = await engine.execs.start(
    vmId,
    { command, env: { LC_ALL: "C" }, cwd: "/", timeoutMs: TIMEOUT_MS },
    { signal },
  );
  const said = { stdout: "", stderr: "" };
  for await (const event of session) {
    if (event.kind !== "exit") {
      said[event.kind] = (said[event.kind] + Buffer.from(event.data).toString()).slice(0, MAX_CHARS);
    } else if (event.exitCode !== 0) {
      const reason = event.diagnostic ?? said.stderr.trim().split(": ").at(-1) ?? "";
      throw new FastvmError("file_failed", reason === "" ? `${command[0]} failed` : reason);
    }
  }
  return said.stdout;
}

/** `undefined` where it fails, or says nothing. */
export async function firstLineOf(ctx: Context, command: readonly string[]): Promise<string | undefined> {
  const said = await runInGuest(ctx, command).catch(() => "");
  return said.split("\n", 1)[0] || undefined;
}
