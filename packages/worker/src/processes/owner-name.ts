/**
 * A process as a part of a file's name, for what several daemons share: a name tells whose a file is, so that nobody takes what a living
 * one still needs.
 *
 *   <pid namespace>-<pid>-<start time>
 */
import { readlink } from "node:fs/promises";
import { identifyProcess, isAlive } from "./proc.ts";

const OWNER = /^(?<namespace>\d+)-(?<pid>\d+)-(?<startTime>\d+)$/;

/** Our own. */
export async function ownerName(): Promise<string> {
  const self = await identifyProcess(process.pid);
  return `${await pidNamespace()}-${process.pid}-${self?.startTime ?? 0}`;
}

/** `undefined`: of a process in another container nobody here can tell, nor of a name of another form. */
export async function isOwnerAlive(owner: string): Promise<boolean | undefined> {
  const parts = OWNER.exec(owner)?.groups;
  if (parts?.["namespace"] !== (await pidNamespace())) return undefined;
  return await isAlive({ pid: Number(parts["pid"]), startTime: Number(parts["startTime"]) });
}

/** `pid:[4026531836]` without what is around the number. */
async function pidNamespace(): Promise<string> {
  return /\d+/.exec(await readlink("/proc/self/ns/pid"))?.[0] ?? "";
}
