/** Forking: one capture of a VM, and any number of VMs that go on from it. */
import type { FirewallInput } from "../firewall/firewall-policy.ts";
import type { Metadata, Vm } from "./vm.ts";

export interface ForkParams {
  /** 1 to 100. Default 1. */
  readonly count?: number | undefined;
  /** Names of the first children; the others get default names. */
  readonly names?: readonly string[] | undefined;
  /** Replaces the source's metadata in every child. */
  readonly metadata?: Metadata | undefined;
  /** Of every child. Default: the source's. */
  readonly firewall?: FirewallInput | null | undefined;
  /** What children have of the source's volumes: the same (default), the same to read, nothing, or copies that are volumes of their own. */
  readonly volumes?: "shared" | "read-only" | "none" | "copy" | undefined;
}

/** One outcome per child, in order: the running VM, or why it did not start. Siblings do not depend on each other. */
export type ForkOutcome =
  | { readonly vm: Vm; readonly error?: undefined }
  | { readonly error: ForkFailure; readonly vm?: undefined };

export interface ForkFailure {
  /** What happened, for people. */
  readonly error: string;
  /** The platform's name of the failure, for programs. */
  readonly code?: string;
  readonly hint?: string;
  readonly field?: string;
}

export interface ForkResult {
  readonly children: readonly ForkOutcome[];
  /** How long the source stood still, in ms. */
  readonly pauseMs: number;
  /** Memory of the source that was copied. */
  readonly dirtyBytes: number;
  /**
   * How it was known which memory to copy: `writes`: what was written since the source was last captured or restored; `none`: all that is
   * its own, as on hosts whose kernel does not track writes.
   */
  readonly tracking?: "writes" | "none";
  /** From the request to the last child's answer. */
  readonly durationMs: number;
}
