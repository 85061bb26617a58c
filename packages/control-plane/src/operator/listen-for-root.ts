/** A socket in the filesystem that only its owner may open, however long the path of its folder is. */
import { once } from "node:events";
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, dirname } from "node:path";
import type { FastifyInstance } from "fastify";

/** Of a socket file: nobody but the owner connects. */
const UMASK = 0o177;
/** People and their scrapers; each may wait for a VM to be deleted. */
const MAX_CONNECTIONS = 64;

/** In place of what an earlier process left there; whoever calls knows that it is gone. Resolves to what ends it and removes the socket. */
export async function listenForRoot(app: FastifyInstance, path: string): Promise<() => Promise<void>> {
  await app.ready();
  await rm(path, { force: true });
  const server = createServer((request, response) => app.routing(request, response));
  server.maxConnections = MAX_CONNECTIONS;
  // The kernel takes at most 107 bytes for a socket's path; by its folder's descriptor that is enough for all.
  const folder = await open(dirname(path), constants.O_DIRECTORY | constants.O_RDONLY);
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await app.close();
    await folder.close();
    await rm(path, { force: true });
  };
  const listening = once(server, "listening");
  const umask = process.umask(UMASK);
  try {
    // Bound before this returns, so that the socket is never there with another mode.
    server.listen(`/proc/self/fd/${folder.fd}/${basename(path)}`);
  } finally {
    process.umask(umask);
  }
  try {
    await listening;
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}
