/**
 * A PostgreSQL of the tests' own: an unprivileged user, a free port of loopback, a fresh data folder without fsync. It ends
 * with us, even when we are killed; its folder goes unless we are.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Postgres extends AsyncDisposable {
  readonly url: string;
  /** All its processes at once, as a host that dies would. */
  kill(): Promise<void>;
  /** At the same address, with all that was committed. */
  restart(): Promise<void>;
}

const INSTALLATIONS = "/usr/lib/postgresql";
/** Debian makes this user with the package. PostgreSQL refuses to run as root. */
const USER = "postgres";
/** A start takes 0.3 s; a loaded machine gets its chance. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const STOP_TIMEOUT_MS = 20_000;

export async function startPostgres(): Promise<Postgres> {
  const bin = join(INSTALLATIONS, newestVersion(), "bin");
  const asUser = process.getuid?.() === 0 ? ["--reuid", USER, "--regid", USER, "--init-groups"] : [];
  // SIGINT is PostgreSQL's fast shutdown. The kernel sends it when we die, however we die.
  const limits = [...asUser, "--pdeathsig", "INT"];
  const folder = mkdtempSync(join(tmpdir(), "fastvm-postgres-"));
  try {
    if (asUser.length > 0) chownSync(folder, idOf("-u"), idOf("-g"));
    const run = (program: string, ...args: readonly string[]): void => {
      const options = { cwd: folder, stdio: "pipe", timeout: START_TIMEOUT_MS } as const;
      execFileSync("setpriv", [...limits, join(bin, program), ...args], options);
    };
    const data = join(folder, "data");
    run("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", data);
    const port = await freePort();
    const args = [...limits, join(bin, "postgres"), "-D", data, "-p", String(port)];
    const settings = ["-F", "-h", "127.0.0.1", "-k", folder, "-c", "max_connections=200"];
    const start = async (): Promise<ChildProcess> => {
      const started = spawn("setpriv", [...args, ...settings], {
        cwd: folder,
        stdio: "ignore",
        detached: true,
      });
      await ready(() => run("pg_isready", "-q", "-h", "127.0.0.1", "-p", String(port)), started);
      return started;
    };
    let server = await start();
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      kill: () => killGroup(server),
      restart: async () => {
        server = await start();
      },
      [Symbol.asyncDispose]: () => stop(server, folder),
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function newestVersion(): string {
  const names = existsSync(INSTALLATIONS) ? readdirSync(INSTALLATIONS) : [];
  const [newest] = names
    .filter((name) => existsSync(join(INSTALLATIONS, name, "bin", "postgres")))
    .toSorted((a, b) => Number(b) - Number(a));
  if (newest === undefined)
    throw new Error(`there is no PostgreSQL in ${INSTALLATIONS}; run tools/setup.sh --tests`);
  return newest;
}

function idOf(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, USER], { encoding: "utf8" }));
}

/** The system picks a port, and PostgreSQL takes it a moment later; nobody else is given it in between but by rare chance. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("the system gave no port");
  return address.port;
}

async function ready(probe: () => void, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      probe();
      return;
    } catch (cause) {
      if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}`, { cause });
      if (Date.now() > deadline) throw new Error("PostgreSQL did not become ready", { cause });
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

async function killGroup(server: ChildProcess): Promise<void> {
  const exited = once(server, "exit");
  if (server.pid !== undefined) process.kill(-server.pid, "SIGKILL");
  await exited;
}

async function stop(server: ChildProcess, folder: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const exited = once(server, "exit");
    server.kill("SIGINT");
    const killer = setTimeout(() => server.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(killer);
  }
  rmSync(folder, { recursive: true, force: true });
}
