/**
 * What makes a restored guest somebody of its own, before its first command: without it clones
 * of one snapshot would share random numbers, machine-id, boot id, host keys and a clock that
 * stands still. A VM that goes on after a pause is nobody new: it keeps what others know it by.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { GuestLinkSettings, VmId, VmIdentity } from "@fastvm/contract";
import { Tag } from "../guest-link/fields.ts";
import type { Field } from "../guest-link/fields.ts";
import { addressBytes, guestAddresses } from "../network/guest-addresses.ts";
import { trustVariables } from "../trust/trust.ts";
import type { HeldTrust } from "../trust/trust.ts";
import { generateSshHostKey } from "./ssh-host-key.ts";

const ENTROPY_BYTES = 64;
/** Beside root's own `authorized_keys`, which is not ours to write; OpenSSH reads both by default. */
export const AUTHORIZED_KEYS_PATH = "/root/.ssh/authorized_keys2";
export const AUTHORIZED_KEYS_MODE = 0o600;
/** For login sessions (pam_env); commands of the API are given their variables directly. */
export const ENVIRONMENT_PATH = "/etc/environment";
export const ENVIRONMENT_MODE = 0o644;
const HOST_KEY_PATH = "/etc/ssh/ssh_host_ed25519_key";

/**
 * `first`: of a VM that was captured as another one, or as none. `next`: of a VM that was paused and goes on. `booted`: of one that its
 * kernel has just started from its own disk, which has all but the name that only the kernel knows.
 */
export type Life = "first" | "next" | "booted";

interface HandshakeRequest {
  readonly vmId: VmId;
  /** Default: `first`, as a name too many is a smaller harm than a key that two VMs share. */
  readonly life?: Life;
  readonly identity: VmIdentity;
  /** What the state of the guest holds. */
  readonly trust: HeldTrust | undefined;
  /** The disk was made larger than the filesystem that was captured. */
  readonly growRoot: boolean;
  /** Where its network device is another than every VM's. */
  readonly guestLink?: GuestLinkSettings | undefined;
  /** A port of the guest's loopback to be carried to the host. */
  readonly forwardPort: number | undefined;
}

/** The identity request's fields, in the order the agent applies them: entropy before anything that draws random numbers. */
export function handshakeFields(request: HandshakeRequest): readonly Field[] {
  const { vmId, life = "first", identity, trust, growRoot, forwardPort, guestLink } = request;
  return [
    { tag: Tag.ENTROPY, value: randomBytes(ENTROPY_BYTES) },
    { tag: Tag.CLOCK, value: unixNanoseconds() },
    // A paused VM has its own on its disk and in its memory. SSH clients would refuse another key for an attack.
    ...(life === "first" ? namingFields(vmId, identity.hostname) : []),
    ...(life === "booted" ? [{ tag: Tag.HOSTNAME, value: text(identity.hostname) }] : []),
    fileField(ENVIRONMENT_PATH, ENVIRONMENT_MODE, environmentFile(identity.envVars, trust)),
    // Also when there are none: those of the captured VM are not this one's.
    fileField(AUTHORIZED_KEYS_PATH, AUTHORIZED_KEYS_MODE, authorizedKeysFile(identity.authorizedKeys)),
    // Also what every VM has: that of the captured one may be another.
    { tag: Tag.LINK, value: linkBytes(guestAddresses(guestLink), guestLink !== undefined) },
    ...forwardFields(life, forwardPort),
    ...(growRoot ? [{ tag: Tag.GROW_ROOT, value: new Uint8Array(0) }] : []),
  ];
}

/** What a VM is known by, inside and outside. */
function namingFields(vmId: VmId, hostname: string): readonly Field[] {
  const hostKey = generateSshHostKey(`root@${hostname}`);
  return [
    { tag: Tag.HOSTNAME, value: text(hostname) },
    // Programs take it for the name of this run of this machine; the kernel's is that of the template's boot, in all clones.
    { tag: Tag.BOOT_ID, value: text(`${randomUUID()}\n`) },
    // systemd's form of a machine id: 32 hexadecimal digits. The VM's own id is as unique and easier to trace.
    fileField("/etc/machine-id", 0o444, `${vmId.replaceAll("-", "")}\n`),
    fileField(HOST_KEY_PATH, 0o600, hostKey.privateFile),
    fileField(`${HOST_KEY_PATH}.pub`, 0o644, hostKey.publicFile),
  ];
}

/** mtu u32, MAC, u16 whether it is the VM's own, IPv4, IPv6. */
function linkBytes({ mtu, mac, ipv4, ipv6 }: Required<GuestLinkSettings>, isOwn: boolean): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(mtu, 0);
  bytes.set(Buffer.from(mac.replaceAll(":", ""), "hex"), 4);
  bytes.writeUInt16LE(isOwn ? 1 : 0, 10);
  bytes.set(addressBytes(ipv4), 12);
  bytes.set(addressBytes(ipv6), 16);
  return bytes;
}

/** A first life has the captured VM's ports, which another daemon may have given it: programs of the guest would find them taken. */
function forwardFields(life: Life, port: number | undefined): readonly Field[] {
  const keep = life === "first" ? [{ tag: Tag.ONLY_FORWARD, value: u16(port ?? 0) }] : [];
  return port === undefined ? keep : [...keep, { tag: Tag.FORWARD, value: u16(port) }];
}

export function authorizedKeysFile(keys: readonly string[]): string {
  return keys.map((key) => `${key}\n`).join("");
}

export function environmentFile(
  variables: Readonly<Record<string, string>>,
  trust: HeldTrust | undefined,
): string {
  return Object.entries({ ...trustVariables(trust), ...variables })
    .map(([key, value]) => `${key}="${value.replaceAll('"', '\\"')}"\n`)
    .join("");
}

function u16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function unixNanoseconds(): Uint8Array {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(BigInt(Date.now()) * 1_000_000n);
  return value;
}

function fileField(path: string, mode: number, content: string): Field {
  const modeValue = Buffer.alloc(4);
  modeValue.writeUInt32LE(mode);
  return {
    tag: Tag.FILE,
    value: [
      { tag: Tag.PATH, value: text(path) },
      { tag: Tag.MODE, value: modeValue },
      { tag: Tag.CONTENT, value: text(content) },
    ],
  };
}

function text(value: string): Uint8Array {
  return Buffer.from(value, "utf8");
}
