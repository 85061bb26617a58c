/**
 * Shapes what a VM sends, at the end of its namespace. A token bucket counts bytes; to
 * count packets, a table of sizes tells it that each has the same.
 */
import type { RateLimit } from "@fastvm/contract";

const UPLINK = "uplink";
/** Of an Ethernet frame. A bucket that cannot hold the largest would never let it pass. */
const MAX_FRAME_BYTES = 1514;
const MIN_BURST_BYTES = 10 * MAX_FRAME_BYTES;
/** Without one given, a burst is what the rate lets through in this time. */
const DEFAULT_BURST_SEC = 0.1;
/** What waits beyond this is dropped, so that senders slow down. */
const QUEUE_SEC = 0.2;
const MIN_QUEUE_PACKETS = 10;
/** The table of sizes goes by steps of four bytes, so a bucket for just one would be too small for it. */
const MIN_BURST_PACKETS = 2;
/** tc tells the kernel the burst as a time, in a number that ends at 274 s. */
const MAX_BURST_SEC = 250;
/**
 * What the table of sizes rounds every packet up to: a full frame, since the bucket takes the
 * pieces of a larger packet, which the guest left to the network card to cut, by their real size.
 */
const PACKET_BYTES = MAX_FRAME_BYTES;

/** A shell command for the VM's namespace. Without a limit it removes what there may be. */
export function shapingCommand(namespace: string, limit: RateLimit | undefined): string {
  const tc = `nsenter --net=/run/netns/${requireName(namespace)} tc qdisc`;
  if (limit === undefined) return `${tc} del dev ${UPLINK} root 2>/dev/null || :`;
  // Another kind of limit needs another table of sizes, which only a new one takes.
  return `${tc} del dev ${UPLINK} root 2>/dev/null; ${tc} add dev ${UPLINK} root ${shaper(limit)}`;
}

export function isSameLimit(one: RateLimit | undefined, other: RateLimit | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function shaper(limit: RateLimit): string {
  if ("kbitPerSec" in limit) {
    const bytesPerSec = (limit.kbitPerSec * 1000) / 8;
    const asked = limit.burst === undefined ? bytesPerSec * DEFAULT_BURST_SEC : (limit.burst * 1000) / 8;
    const burst = Math.max(asked, MIN_BURST_BYTES);
    const queue = Math.max(bytesPerSec * QUEUE_SEC, MIN_QUEUE_PACKETS * MAX_FRAME_BYTES);
    return tokenBucket(bytesPerSec, burst, queue);
  }
  const burst = Math.max(limit.burst ?? limit.packetsPerSec * DEFAULT_BURST_SEC, MIN_BURST_PACKETS);
  const queue = Math.max(limit.packetsPerSec * QUEUE_SEC, MIN_QUEUE_PACKETS);
  const sizes = `stab mtu 2047 mpu ${PACKET_BYTES} `;
  return (
    sizes +
    tokenBucket(limit.packetsPerSec * PACKET_BYTES, Math.ceil(burst) * PACKET_BYTES, queue * PACKET_BYTES)
  );
}

function tokenBucket(bytesPerSec: number, askedBytes: number, queueBytes: number): string {
  const burstBytes = Math.min(askedBytes, bytesPerSec * MAX_BURST_SEC);
  const rate = bounded(bytesPerSec * 8, Number.MAX_SAFE_INTEGER);
  return `tbf rate ${rate}bit burst ${bounded(burstBytes)} limit ${bounded(queueBytes + burstBytes)}`;
}

/** tc keeps sizes in 32 bits. */
function bounded(value: number, max = 0xffff_ffff): number {
  if (!Number.isFinite(value)) throw new Error(`${value} is no rate`);
  return Math.min(Math.max(Math.ceil(value), 1), max);
}

function requireName(namespace: string): string {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(namespace))
    throw new Error(`${JSON.stringify(namespace)} is no namespace`);
  return namespace;
}
