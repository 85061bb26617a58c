import type { FastifyInstance } from "fastify";
import { serveOpen } from "../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../engine/context.ts";

/** A probe must not hang longer than whoever probes. */
const READY_TIMEOUT_MS = 2000;

export function registerHealth(app: FastifyInstance, ctx: LifecycleContext): void {
  serveOpen(app, "healthz", async () => ({ status: 200, body: { status: "ok" } }));
  serveOpen(app, "livez", async () => ({ status: 200, body: { status: "ok" } }));
  serveOpen(app, "readyz", async () => {
    const status = await readiness(ctx);
    return { status: status === "ok" ? 200 : 503, body: { status } };
  });
}

async function readiness(ctx: LifecycleContext): Promise<string> {
  if (!(await answers(ctx.store.ping()))) return "the store does not answer";
  if (!(await answers(ctx.worker.capacity()))) return "the worker does not answer";
  return "ok";
}

async function answers(probe: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), READY_TIMEOUT_MS);
  });
  const answered = probe.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answered, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
