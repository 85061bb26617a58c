/** What happens in a folder of a running VM. */
import { FastvmError, type FileEvent, type RecursiveOptions } from "@fastvm/contract";
import { decodeEvent, type WatchRecord } from "../../guest-link/file-records.ts";
import { Verb } from "../../guest-link/verb-stream.ts";
import type { Vm } from "../state/vm.ts";
import { recordsOf } from "./file-verbs.ts";

export async function watchFiles(
  vm: Vm,
  path: string,
  { recursive, signal }: RecursiveOptions,
): Promise<AsyncIterable<FileEvent>> {
  const records = recordsOf(vm, { verb: Verb.WATCH, path, recursive }, decodeEvent, signal);
  const ready = await records.next();
  if (ready.done === true) throw new FastvmError("guest_unresponsive", "its agent watches nothing");
  return { [Symbol.asyncIterator]: () => eventsOf(records) };
}

function eventsOf(records: AsyncGenerator<WatchRecord>): AsyncIterator<FileEvent> {
  return {
    next: async () => {
      for (;;) {
        const next = await records.next();
        if (next.done === true) return { done: true, value: undefined };
        const { type, path } = next.value;
        if (type !== "ready") return { done: false, value: { type, path } };
      }
    },
    return: async () => {
      await records.return(undefined);
      return { done: true, value: undefined };
    },
  };
}
