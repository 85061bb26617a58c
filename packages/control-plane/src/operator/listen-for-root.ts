/** A socket in the filesystem that only its owner may open, however long the path of its folder is. */
import { once } from "node:events";
import { constants } from "node:fs";
import { chmod, open, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, dirname } from "node:path";
import type { FastifyInstance } from "fastify";

/** Nobody but the owner connects: who may not write may not. */
const MODE = 0o600;
/** People and their scrapers; each may wait for a VM to be deleted. */
const MAX_CONNECTIONS = 64;

/**
 * In place of what an earlier process left there; whoever calls knows that it is gone. Resolves to what ends it and removes the socket.
 * Until it has its mode the process's umask keeps others out, if it takes what the group and others may write, as any usual one and the
 * daemon's. It is not set here, as it is that of all threads: what they make meanwhile, such as a QEMU's folder, would have it as well.
 */
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
  const own = `/proc/self/fd/${folder.fd}/${basename(path)}`;
  try {
    server.listen(own);
    await once(server, "listening");
    await chmod(own, MODE);
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}
