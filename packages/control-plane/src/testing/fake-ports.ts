/** Ports of all guests of the fake worker. */
import { duplexPair, type Duplex } from "node:stream";
import { FastvmError } from "@fastvm/contract";

export class FakePorts {
  /** On which a service gives back what it gets. */
  readonly echo = new Set<number>();
  /** On which a service says something by itself. */
  readonly greetings = new Map<number, string>();
  /** Addresses that guests can reach beside themselves. */
  readonly reachable = new Set<string>();

  dial(port: number, host: string | undefined): Duplex {
    if (host !== undefined && !this.reachable.has(host))
      throw new FastvmError("guest_unresponsive", `port ${port}: ENETUNREACH`);
    const greeting = this.greetings.get(port);
    if (!this.echo.has(port) && greeting === undefined)
      throw new FastvmError("guest_unresponsive", `nobody listens on port ${port}`);
    const [near, far] = duplexPair();
    if (greeting === undefined) far.pipe(far);
    else far.write(greeting);
    return near;
  }
}
