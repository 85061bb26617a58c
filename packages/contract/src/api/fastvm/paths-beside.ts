/** What the API's port answers besides the operations: it is not JSON over a key, so servers and clients treat it apart. */
export const PATHS_BESIDE = {
  "/metrics": {
    get: {
      operationId: "getMetrics",
      tags: ["Health"],
      summary: "Read the daemon's figures, in the text format of Prometheus",
      description:
        "They name every organisation's VMs, so they are root's: served at this path " +
        "of the Unix socket `operator.sock` in the daemon's data folder, without a key. " +
        "On the API's port a key with the scope `metrics` reads them; others are answered 404, and 401 without one.",
      responses: {
        200: {
          description: "OK, on root's socket, or with such a key.",
          headers: { "x-request-id": { $ref: "#/components/headers/RequestId" } },
          content: { "text/plain": { schema: { type: "string" } } },
        },
        401: { $ref: "#/components/responses/NoKey" },
        404: { $ref: "#/components/responses/NoRight" },
      },
    },
  },
  "/v1/events/ws": {
    get: {
      operationId: "openEvents",
      tags: ["Events"],
      summary: "Follow what happens, a WebSocket",
      description:
        "The parameters and what is told are those of `GET /v1/events`, a text message each; the server pings. " +
        "The key comes in a header of the request.",
      parameters: ["after", "vm", "snapshot", "type"].map((name) => ({
        name,
        in: "query",
        schema: { type: "string" },
      })),
      responses: {
        101: { description: "The connection is a WebSocket." },
        400: { description: "The parameters say nothing. No body." },
        401: { description: "No valid key was given. No body." },
        403: { description: "The key has not the scope `read`. No body." },
        429: { description: "The key's requests of this minute are used up. No body." },
      },
    },
  },
  "/v1/vms/{vmId}/console/ws": {
    get: {
      operationId: "openConsole",
      tags: ["Console"],
      summary: "Open a VM's console, a WebSocket",
      description:
        "Take the path from `createConsoleToken`. The client sends keystrokes, " +
        'and `{"type":"resize","cols":80,"rows":24}` as text; ' +
        "it gets the terminal's bytes as binary frames. It closes with 1000 when the shell has ended.",
      security: [],
      parameters: [
        { name: "vmId", in: "path", required: true, schema: { type: "string" } },
        {
          name: "session",
          in: "query",
          required: true,
          description: "The token, good once.",
          schema: { type: "string" },
        },
      ],
      responses: {
        101: { description: "The connection is a WebSocket." },
        401: { description: "The token is unknown, used, too old or another VM's. No body." },
        403: { description: "The page that asks has an origin that may not. No body." },
      },
    },
  },
  "/v1/vms/{vmId}/ports/{port}/ws": {
    get: {
      operationId: "openPort",
      tags: ["Services"],
      summary: "Connect to a TCP port on a VM's loopback, by a WebSocket",
      description:
        "For a key with the scope `run`. Binary frames are the connection's bytes, each way; the text frame " +
        "`end` says that its sender's half has ended. It closes with 1000 when both have, with 1011 when the connection broke.",
      parameters: [
        { name: "vmId", in: "path", required: true, schema: { type: "string" } },
        {
          name: "port",
          in: "path",
          required: true,
          schema: { type: "integer", minimum: 1, maximum: 65535 },
        },
      ],
      responses: {
        101: { description: "The port took the connection." },
        400: { description: "It is no port. No body, as with the others." },
        401: { description: "No valid key." },
        403: { description: "The key has not the scope." },
        404: { description: "There is no such VM." },
        409: { description: "The VM does not run." },
        429: {
          description: "64 connections of this kind lead into the VM already, or the key's minute is over.",
        },
        502: { description: "Nobody listens there, or the VM does not answer." },
      },
    },
  },
} as const;
