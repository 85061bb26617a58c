/**
 * Keeps this process's memory, and that of all that it starts, out of core files: values of secrets are in it. A limit of no size is not
 * enough, as the kernel does not ask it where cores go to a program (core(5)).
 */
import { writeFileSync } from "node:fs";

export function keepFromCores(): void {
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
  } catch {
    // Where /proc cannot be written there is nobody to be told of it, and a daemon works as well.
  }
}
