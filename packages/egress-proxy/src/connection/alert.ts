/** Says by a TLS alert (RFC 8446, 6) why there will be no connection, before any handshake: clients show it. */
import type { Socket } from "node:net";

const ALERTS = {
  handshake_failure: 40,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  internal_error: 80,
  no_application_protocol: 120,
} as const;

type Alert = keyof typeof ALERTS;

const FATAL = 2;

export function endWithAlert(socket: Socket, alert: Alert): void {
  if (socket.destroyed) return;
  socket.end(Buffer.from([21, 3, 3, 0, 2, FATAL, ALERTS[alert]]), () => socket.destroy());
}
