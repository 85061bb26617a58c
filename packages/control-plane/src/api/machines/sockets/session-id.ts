/** Names of terminals: `pty_<32 hex>` is the engine's command of that id. */

export function sessionId(execId: string): string {
  return `pty_${execId.replaceAll("-", "")}`;
}

export function execIdOf(session: string): string | undefined {
  const parts = /^pty_([\da-f]{8})([\da-f]{4})([\da-f]{4})([\da-f]{4})([\da-f]{12})$/.exec(session);
  return parts?.slice(1).join("-");
}
