/**
 * What a restarted daemon must know of a VM, in a file beside it. Written before a step whose traces it names and after the step that makes
 * them obsolete, so that a daemon killed anywhere finds either the old truth or the new one.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError, step } from "@fastvm/contract";
import type {
  Durability,
  EndCause,
  MachineType,
  NetworkPolicy,
  VmDeadline,
  VmId,
  VmIdentity,
  VolumeMount,
} from "@fastvm/contract";
import type { HeldBucketMount } from "../buckets/bucket-process.ts";
import type { DiskChain } from "../disk/chain.ts";
import { replaceFile, replaceFileDurably } from "../files/durable.ts";
import { isErrno, isOutOfDisk } from "../files/errno.ts";
import type { ProcessIdentity } from "../processes/proc.ts";
import type { Compatibility } from "../snapshot/manifest.ts";
import type { CommandDefaults } from "../image/image.ts";
import type { HeldTrust } from "../trust/trust.ts";

export const JOURNAL_FILE = "journal.json";
const FORMAT = 1;

export interface Journal {
  readonly format: typeof FORMAT;
  readonly vmId: VmId;
  /** `starting`: half made, to be undone. `stopped`: nothing but its disk. `error`: kept until it is deleted, holds nothing else. */
  readonly phase: "starting" | "running" | "paused" | "stopped" | "error";
  /** Why, in phases `stopped` and `error`. */
  readonly reason?: string;
  /** In these, of one that was not told to stop. */
  readonly cause?: EndCause;
  /** Its disk may have lost writes with its host, and is to be checked before it boots. */
  readonly unchecked?: boolean;
  /** Absent: `relaxed`. */
  readonly durability?: Durability;
  /** In phase `error`: its disk is kept, so that it can be started. */
  readonly hasDisk?: boolean;
  /** In phase `stopped`: its guest rebooted, so it is to be started. */
  readonly restarts?: boolean;
  /** Of a VM that runs: it has been told to power off, and what ends it now is no failure. */
  readonly stops?: boolean;
  /** How often in a row its guest rebooted as soon as it ran. */
  readonly soonReboots?: number;
  readonly machine: MachineType;
  readonly diskGib: number;
  readonly identity: VmIdentity;
  readonly imageDigest: string;
  readonly uid: number;
  /** Of a VM that runs, where VMs have a network. */
  readonly network?: { readonly index: number };
  /** Kept for the VM's whole life, over pauses too. */
  readonly publicIpv6?: string;
  /** Absent of a VM that is nobody's yet. */
  readonly policy?: NetworkPolicy;
  /** Name of the QEMU process and of its control group. */
  readonly slot: string;
  /** Of the life that runs now, hexadecimal: what docs/guest-link.md calls a generation. */
  readonly linkGeneration: string;
  /** Goes up with each life, as the record's does: of two that claim to be this VM the one with the lower number is its past. */
  readonly generation: number;
  readonly chain: DiskChain;
  /** Of its QEMU, whose state another need not understand. Absent of a VM that an earlier version started. */
  readonly compatibility?: Compatibility;
  /** What its guest holds; absent when it was given none. */
  readonly trust?: HeldTrust;
  /** Of its image. */
  readonly commands?: CommandDefaults;
  /** When its present life began, in ms since 1970; of a VM that runs. */
  readonly runningSinceMs?: number;
  /** Of a VM that runs. */
  readonly deadline?: VmDeadline;
  readonly process?: ProcessIdentity;
  /** What its guest has mounted, or had when it was captured. */
  readonly volumes?: readonly VolumeMount[];
  /** The same of what no server serves. */
  readonly plainMounts?: readonly PlainMount[];
  /** Serves them; of a VM that runs. It ends with its QEMU. `group`: its control group; absent of one that an earlier version started. */
  readonly volumeServer?: {
    readonly uid: number;
    readonly process: ProcessIdentity;
    readonly group?: string;
  };
  /** Their tools, which end with that server. */
  readonly buckets?: readonly HeldBucketMount[];
}

/** One that no server serves. */
export interface PlainMount extends VolumeMount {
  /** Of a disk: which of the spare devices it is behind. */
  readonly spare?: number;
}

/** Of one that does not run the rest is on the disk, and this says what it is; so it is of a strict one. Else it tells of processes. */
function outlivesPower({ durability, phase }: Pick<Journal, "durability" | "phase">): boolean {
  return durability === "strict" || (phase !== "starting" && phase !== "running");
}

export async function writeJournal(
  folder: string,
  journal: Omit<Journal, "format">,
  { isSynced = outlivesPower(journal) }: { readonly isSynced?: boolean } = {},
): Promise<void> {
  await step("journal.begun");
  try {
    const replace = isSynced ? replaceFileDurably : replaceFile;
    await replace(join(folder, JOURNAL_FILE), JSON.stringify({ format: FORMAT, ...journal }));
  } catch (error) {
    // Every change of a VM ends here, so this is where its caller is told.
    if (!isOutOfDisk(error)) throw error;
    throw new FastvmError("out_of_disk", "what is to be known of the VM cannot be written", { cause: error });
  }
  await step("journal.recorded");
}

/** `undefined` where there is none, or none of this format that can be read. */
export async function readJournal(folder: string): Promise<Journal | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, JOURNAL_FILE), "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
  return parseJournal(text);
}

/** Of a VM that a daemon started which did not count lives. */
type OlderJournal = Omit<Journal, "generation" | "linkGeneration"> & { readonly generation: string };

function isOlder(journal: Journal | OlderJournal): journal is OlderJournal {
  return typeof journal.generation === "string";
}

function parseJournal(text: string): Journal | undefined {
  try {
    const journal = JSON.parse(text) as Journal | OlderJournal;
    if (journal.format !== FORMAT) return undefined;
    return isOlder(journal) ? { ...journal, linkGeneration: journal.generation, generation: 1 } : journal;
  } catch (error) {
    // A power loss can leave an empty file, and then the VM's process is gone as well.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
