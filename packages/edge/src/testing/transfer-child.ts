/**
 * A proxy in a process of its own, so that its memory can be told from that of the test's
 * clients and services. Prints its ports, then answers questions.
 */
import { TestEdge } from "./test-edge.ts";

/** Ports of services on this machine, as VMs: the first speaks HTTP/1.1, the second HTTP/2. */
const proxy = await TestEdge.start();
const [http1 = 0, http2 = 0] = process.argv.slice(2).map(Number);
const hosts = [
  proxy.host(proxy.vms.add({ port: http1 })),
  proxy.host(proxy.vms.add({ port: http2, h2c: true })),
];
const peak = () => process.resourceUsage().maxRSS / 1024;
process.on("message", () => process.send?.({ peakMib: peak() }));
process.send?.({ port: proxy.port, http2Port: proxy.http2Port, hosts });
