/**
 * What it costs a guest that its writes are tracked: after a capture the first write to each page is a fault. How many more a compile has
 * right after a capture than once more, times what one costs, as a part of the compile's processor time. Times of whole compiles differ by
 * more than that.
 */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { processOf } from "../../e2e/harness/processes.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { median } from "../statistics.ts";
import { COMPILE, GrownVm } from "./grown-vm.ts";

const WRITE_FAULT = fileURLToPath(new URL("../floor/write-fault.py", import.meta.url));
/** A compile takes long under emulation, and has as many faults as the one before. */
const ROUNDS_DIVISOR = 8;
const NS_PER_US = 1_000;

interface WriteFaultSamples {
  readonly writeFaultPercent: readonly number[];
  /** That a compile right after a capture has more of. */
  readonly writeFaults: readonly number[];
  readonly writeFaultUs: readonly number[];
}

export async function measureWriteFaults(session: Session, rounds: number): Promise<WriteFaultSamples> {
  const { client, daemon } = session;
  await using grown = await GrownVm.launch(client, MACHINE_TYPE);
  const { pid } = await processOf(daemon.config.dataDir, grown.vm.id);
  const compile = async (): Promise<Spent> => {
    const before = await spentBy(pid);
    await grown.run(COMPILE);
    const after = await spentBy(pid);
    return { processorNs: after.processorNs - before.processorNs, faults: after.faults - before.faults };
  };
  // The first finds its files on the disk.
  await compile();
  const [writeFaultPercent, writeFaults, writeFaultUs]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < Math.ceil(rounds / ROUNDS_DIVISOR); round++) {
    await client.snapshots.delete(await client.snapshots.create({ vmId: grown.vm.id }));
    const [tracked, again] = [await compile(), await compile()];
    const faults = tracked.faults - again.faults;
    const oneNs = await costOfOneNs();
    writeFaults.push(faults);
    writeFaultUs.push(oneNs / NS_PER_US);
    writeFaultPercent.push((100 * faults * oneNs) / median([tracked.processorNs, again.processorNs]));
  }
  return { writeFaultPercent, writeFaults, writeFaultUs };
}

async function costOfOneNs(): Promise<number> {
  return Number((await promisify(execFile)("python3", [WRITE_FAULT])).stdout);
}

interface Spent {
  readonly processorNs: number;
  /** But for those that wait for a disk. */
  readonly faults: number;
}

async function spentBy(pid: number): Promise<Spent> {
  let processorNs = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const path = join(`/proc/${pid}/task`, thread, "schedstat");
    // A thread that has ended meanwhile did no guest's work.
    const text = await readFile(path, "latin1").catch(() => "0");
    processorNs += Number(text.split(" ")[0]);
  }
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { processorNs, faults: Number(fields[7]) };
}
