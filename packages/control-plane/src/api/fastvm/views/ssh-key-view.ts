/** An SSH key as this API shows it. */
import type { SshKey } from "@fastvm/contract";
import { timestamp } from "./timestamp.ts";

export function sshKeyView(key: {
  publicKey: string;
  fingerprint: string;
  createdAt: number;
  name?: string | null;
}): SshKey {
  const { publicKey, fingerprint, createdAt, name } = key;
  const named = name === undefined || name === null ? {} : { name };
  return { publicKey, fingerprint, createdAt: timestamp(createdAt), ...named };
}
