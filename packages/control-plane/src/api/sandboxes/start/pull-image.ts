/** The image of a specification, brought to the host as its pull policy says; of a folder or a disk of the host, made of it anew. */
import type { SandboxSpec } from "@fastvm/contract";
import { FastvmError } from "@fastvm/contract";
import type { Caller, Engine } from "../../../engine/engine.ts";
import { hostRootOf } from "../spec/host-root.ts";
import { imageOf } from "../spec/launch-order.ts";
import { invalid } from "../spec/invalid.ts";

/** Clients give up after 95 s, in which the sandbox has to start too. */
const MAX_WAIT_MS = 60_000;

export async function pullImage({ images }: Engine, caller: Caller, spec: SandboxSpec): Promise<void> {
  if (spec.image.type !== "oci") return await images.importFromHost(caller, hostRootOf(spec.image));
  const reference = imageOf(spec);
  const policy = spec.pull_policy ?? "if_missing";
  if (reference === undefined || policy === "never") return;
  if (policy === "if_missing" && (await isHere(images, caller, reference))) return;
  const order = {
    reference,
    policy: policy === "always" ? "always" : "if-missing",
    credentials: credentialsOf(spec),
  } as const;
  // Each call answers within the time of an answer, and the next waits for the same pull.
  const until = Date.now() + MAX_WAIT_MS;
  while ((await images.pull(caller, order)).image === undefined) {
    if (Date.now() < until) continue;
    throw new FastvmError("launch_failed", `${reference} is still on its way; try again`, { field: "image" });
  }
}

async function isHere(images: Engine["images"], caller: Caller, reference: string): Promise<boolean> {
  try {
    await images.inspect(caller, reference);
    return true;
  } catch (error) {
    if (error instanceof FastvmError && error.code === "not_found") return false;
    throw error;
  }
}

function credentialsOf({ registry }: SandboxSpec) {
  if (registry?.mode !== "inline") return undefined;
  const { username, password } = registry;
  if (username === undefined || password === undefined)
    throw invalid("registry", "needs username and password, where its mode is inline");
  return { username, password };
}
