/** How many bytes of bodies, or of a WebSocket, went through. */
export interface Traffic {
  /** From the client. */
  bytesIn: number;
  /** To the client. */
  bytesOut: number;
}

export function noTraffic(): Traffic {
  return { bytesIn: 0, bytesOut: 0 };
}
