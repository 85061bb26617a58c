/**
 * What a guest does so that a capture of it is smaller: it drops its caches, and then names its free pages. Nothing depends on it: one
 * that is silent, does not know how, as the agents of earlier states, or has a kernel that knows its free pages, is captured whole.
 */
import { Tag } from "../../guest-link/fields.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import { Verb } from "../../guest-link/verb-stream.ts";
import { FreePages } from "../../memory/free-pages.ts";
import { pagesOf } from "../../memory/mapping.ts";
import type { PageRange } from "../../memory/page-map.ts";
import type { Vm } from "../state/vm.ts";

/** What is dirty is written first, to the disk of a host that may be busy. */
const DROP_DEADLINE_MS = 30_000;
/** Two looks at each page: seconds under emulation. Pages are protected meanwhile, and what is written is copied once more. */
const NAME_DEADLINE_MS = 30_000;
/** Of a link that is not there: the capture does not wait for a silent guest. */
const LINK_DEADLINE_MS = 1000;

/** Whether it did. */
export async function dropCaches(vm: Vm): Promise<boolean> {
  const request = { verb: Verb.DROP_CACHES, path: "/proc/sys/vm/drop_caches" };
  return (await ask(vm, request, DROP_DEADLINE_MS, () => undefined)) !== undefined;
}

/** In order, without overlap; `undefined`: it does not say. */
export async function findFreePages(vm: Vm): Promise<readonly PageRange[] | undefined> {
  const free = new FreePages(pagesOf(vm.record.machine.memoryMib));
  const request = { verb: Verb.FREE_PAGES, path: "/proc/kpageflags" };
  const told = await ask(vm, request, NAME_DEADLINE_MS, (runs) => free.add(runs));
  return told && free.ranges;
}

/** `undefined`, whatever went wrong. */
async function ask(
  vm: Vm,
  request: Parameters<GuestLink["verb"]>[0],
  deadlineMs: number,
  take: (runs: Buffer) => void,
): Promise<true | undefined> {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    const link = await vm.link({ deadlineMs: LINK_DEADLINE_MS });
    for await (const fields of link.verb(request, { signal })) {
      for (const { tag, value } of fields) if (tag === Tag.FREE_RUNS) take(value);
    }
    return true;
  } catch {
    return undefined;
  }
}
