/** What guests do by themselves, where their owners count it as use: told by the processor time that their VMs take between two looks. */
import type { VmId } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { ofWorker } from "../vms/of-worker.ts";

/** Those that would be idle first; a look costs the host some milliseconds each. */
const MAX_WATCHED = 64;
/** Of one processor. An idle guest's timers take about a hundredth, some three with emulated processors. */
const MIN_SHARE = 0.05;

interface Sample {
  readonly cpuSeconds: number;
  readonly at: number;
}

export class GuestWork {
  #samples: ReadonlyMap<VmId, Sample> = new Map();

  /** Notices those that worked since the last look. */
  async look(ctx: Parts<"activity" | "clock" | "log" | "store" | "worker">): Promise<void> {
    const watched = await ctx.store.vms.listSelfUsed(MAX_WATCHED);
    const samples = new Map<VmId, Sample>();
    await Promise.all(
      watched.map(async ({ id }: VmRecord) => {
        const usage = await ofWorker(() => ctx.worker.stats(id)).catch((error: unknown) => {
          ctx.log.warn({ err: error, vmId: id }, "what a guest does by itself could not be seen");
        });
        if (usage?.process === undefined) return;
        const now = { cpuSeconds: usage.process.cpuSeconds, at: ctx.clock.now() };
        samples.set(id, now);
        if (hasWorked(this.#samples.get(id), now)) ctx.activity.notice(id);
      }),
    );
    this.#samples = samples;
  }
}

/** Its counter begins anew with each life. */
function hasWorked(before: Sample | undefined, now: Sample): boolean {
  if (before === undefined || now.cpuSeconds < before.cpuSeconds) return false;
  return now.cpuSeconds - before.cpuSeconds >= (MIN_SHARE * (now.at - before.at)) / 1000;
}
