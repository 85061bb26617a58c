/** One port for both protocols, as a resolver has it. */
import { isErrno } from "../files/errno.ts";
import type { GuestService } from "./guest-service.ts";
import { listenTcp, type TcpOptions } from "./tcp-listener.ts";
import { listenUdp, type ListenAddress, type Listener } from "./udp-listener.ts";

/** Of ports that the system gives: one that is free for TCP may be taken for UDP. */
const MAX_ATTEMPTS = 8;

interface Both {
  readonly tcp: Listener;
  readonly udp: Listener;
}

/** For port 0 both listen on the one that was found. Throws what the system says of another that is taken. */
export async function listenOnBoth(
  at: ListenAddress,
  service: GuestService,
  options: TcpOptions,
): Promise<Both> {
  for (let attempt = 1; ; attempt += 1) {
    const tcp = await listenTcp(at, service, options);
    try {
      return { tcp, udp: await listenUdp({ ...at, port: tcp.port }, service) };
    } catch (error) {
      await tcp.close();
      if (at.port !== 0 || !isErrno(error, "EADDRINUSE") || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
