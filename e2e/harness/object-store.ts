/** A store of objects that speaks S3: Debian's Swift, at an address of the loopback that nobody else has. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { within } from "./eventually.ts";

/** Swift keeps what it knows of objects in attributes, which memory has none of. */
const ROOT = "/var/cache/fastvm-test";
const PROGRAM = join(import.meta.dirname, "object-store", "store.py");
const PORT = 8080;
const START_MS = 60_000;
const [USER, KEY] = ["test:tester", "testing"];

export class ObjectStore implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #program: ChildProcess;

  private constructor(folder: string, address: string) {
    this.url = `http://${address}:${PORT}`;
    this.#folder = folder;
    this.#program = spawn("/usr/bin/python3", [PROGRAM, join(folder, "swift"), address, `${PORT}`], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  static async start(): Promise<ObjectStore> {
    const address = `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
    const made = new ObjectStore(await mkdtemp(join(ROOT, "store-")), address);
    try {
      const { stdout } = made.#program;
      if (stdout !== null) await within(START_MS, "start a store", once(stdout, "data"));
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As a bucket mount takes them. */
  credentials(key = KEY) {
    const data = `[default]\naws_access_key_id = ${USER}\naws_secret_access_key = ${key}\nendpoint_url = ${this.url}\n`;
    return { type: "aws-credentials", value: { data } };
  }

  async makeBucket(name: string): Promise<void> {
    await this.#ask("PUT", name);
  }

  async put(path: string, content: string): Promise<void> {
    await this.#ask("PUT", path, content);
  }

  /** `undefined`: there is none. */
  async get(path: string): Promise<string | undefined> {
    const answer = await this.#ask("GET", path);
    return answer.status === 404 ? undefined : answer.text();
  }

  /** By its own interface, not by the one that is tested. */
  async #ask(method: string, path: string, body?: string): Promise<Response> {
    const login = await fetch(`${this.url}/auth/v1.0`, {
      headers: { "x-auth-user": USER, "x-auth-key": KEY },
    });
    const headers = { "x-auth-token": login.headers.get("x-auth-token") ?? "" };
    const answer = await fetch(`${this.url}/v1/AUTH_test/${path}`, {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    if (answer.ok || answer.status === 404) return answer;
    throw new Error(`${method} ${path}: ${answer.status}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#program.exitCode === null) {
      const ended = once(this.#program, "exit");
      this.#program.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
