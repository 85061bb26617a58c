/** `-p`: a port of this machine that leads to one of a VM. */
import { InvalidArgumentError } from "commander";
import { portNumber } from "./option-values.ts";

export interface Published {
  /** Of this machine. */
  readonly host: string;
  /** 0: whichever is free. */
  readonly port: number;
  /** On the VM's loopback. */
  readonly vmPort: number;
}

/** Nobody else's business, unless it is said. */
const DEFAULT_HOST = "127.0.0.1";

/** `8080:80`, `80`, `0.0.0.0:8080:80`, `[::1]:8080:80`. */
export function published(text: string): Published {
  const [, bracketed, plain, local, vmPort = ""] =
    /^(?:(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d+):)?(\d+)$/.exec(text) ?? [];
  if (vmPort === "" || portNumber(vmPort) === 0)
    throw new InvalidArgumentError("It must be PORT or HERE:PORT, such as 8080:80 or 0.0.0.0:8080:80.");
  return {
    host: bracketed ?? plain ?? DEFAULT_HOST,
    port: portNumber(local ?? vmPort),
    vmPort: portNumber(vmPort),
  };
}

/** Of an option that is given any number of times. */
export function publishedList(text: string, previous: readonly Published[] = []): readonly Published[] {
  return [...previous, published(text)];
}

export const PUBLISH_FLAGS = "-p, --publish <here:port>";
