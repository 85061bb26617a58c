/** Columns that hold JSON as text, the same in both databases. */
import type { Service } from "@fastvm/contract";
import type { WrittenNetwork } from "../engine/network/policy.ts";

interface JsonColumns {
  metadata: string;
  envVars: string;
  network: string | null;
  services: string;
  sshKeys: string;
}

/** A key that opens one VM and what is made from it. */
export interface VmSshKey {
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly name?: string;
}

/** What VMs and snapshots have in common of these. */
export interface JsonValues {
  metadata: Readonly<Record<string, string>>;
  envVars: Readonly<Record<string, string>>;
  /** Absent: nobody wrote a policy. */
  network: WrittenNetwork | undefined;
  services: readonly Service[];
  sshKeys: readonly VmSshKey[];
}

export function parseJsonColumns(row: JsonColumns): JsonValues {
  return {
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    envVars: JSON.parse(row.envVars) as Record<string, string>,
    network: row.network === null ? undefined : (JSON.parse(row.network) as WrittenNetwork),
    services: JSON.parse(row.services) as Service[],
    sshKeys: JSON.parse(row.sshKeys) as VmSshKey[],
  };
}

export function jsonColumns(values: JsonValues): JsonColumns {
  return {
    metadata: JSON.stringify(values.metadata),
    envVars: JSON.stringify(values.envVars),
    network: values.network === undefined ? null : JSON.stringify(values.network),
    services: JSON.stringify(values.services),
    sshKeys: JSON.stringify(values.sshKeys),
  };
}
