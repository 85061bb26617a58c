import type { Engine } from "../../../engine/engine.ts";
import type { FastvmScope } from "../fastvm-scope.ts";

/** A probe must not hang longer than whoever probes. */
const READY_TIMEOUT_MS = 2000;

export function registerHealth({ routes, engine }: FastvmScope): void {
  routes.serveOpen("healthz", async () => ({ status: 200, body: { status: "ok" } }));
  routes.serveOpen("livez", async () => ({ status: 200, body: { status: "ok" } }));
  routes.serveOpen("readyz", async () => {
    const status = await readiness(engine);
    return { status: status === "ok" ? 200 : 503, body: { status } };
  });
}

async function readiness(engine: Engine): Promise<string> {
  if (!(await answers(engine.probe("store")))) return "the store does not answer";
  if (!(await answers(engine.probe("worker")))) return "the worker does not answer";
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
