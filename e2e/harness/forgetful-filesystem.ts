/** A file system that keeps over a power cut what was synced; of the rest nothing, all or some, by its seed. See forgetful/main.c. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { eventually, within } from "./eventually.ts";

const run = promisify(execFile);
const ROOT = "/var/cache/fastvm-test";
const SOURCE = join(import.meta.dirname, "forgetful");
const MAKE_MS = 120_000;
/** Whoever was killed lets go of it within it, and what was not synced is taken back. */
const MOUNT_MS = 60_000;

export class ForgetfulFilesystem implements AsyncDisposable {
  /** Where it is mounted. */
  readonly folder: string;
  readonly #home: string;
  readonly #program: ChildProcess;
  #mounts = 0;

  static async mount(seed: number): Promise<ForgetfulFilesystem> {
    await run("make", ["-s", "-C", SOURCE], { timeout: MAKE_MS });
    await mkdir(ROOT, { recursive: true });
    const home = await mkdtemp(join(ROOT, "forgetful-"));
    await Promise.all(["mounted", "held"].map((name) => mkdir(join(home, name))));
    const made = new ForgetfulFilesystem(home, seed);
    try {
      await made.#mounted(1);
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(home: string, seed: number) {
    this.#home = home;
    this.folder = join(home, "mounted");
    this.#program = spawn(join(SOURCE, "build", "forgetful"), [this.folder, join(home, "held"), `${seed}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { stdout } = this.#program;
    if (stdout !== null) createInterface(stdout).on("line", () => this.#mounts++);
  }

  async #mounted(times: number): Promise<void> {
    await eventually(async () => {
      if (this.#program.exitCode !== null) throw new Error(`it ended with ${this.#program.exitCode}`);
      if (this.#mounts < times) throw new Error("it is not mounted yet");
      return await Promise.resolve();
    }, MOUNT_MS);
  }

  /** From now on everything that is done there fails. */
  cutPower(): void {
    this.#program.kill("SIGUSR1");
  }

  /** After a cut, once those who worked in it are killed. */
  async bringPowerBack(): Promise<void> {
    const before = this.#mounts;
    await eventually(() => run("umount", [this.folder]), MOUNT_MS);
    // A namespace of mounts that anybody made meanwhile has one of it as well, for as long as it lives.
    this.#program.kill("SIGUSR2");
    await this.#mounted(before + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily: a process that a failed test left must not keep the mount for ever.
    await run("umount", ["--lazy", this.folder]).catch(() => undefined);
    const ended = new Promise((resolve) => this.#program.once("exit", resolve));
    if (this.#program.exitCode === null && this.#program.kill("SIGKILL"))
      await within(MOUNT_MS, "the file system", ended);
    await rm(this.#home, { recursive: true, force: true });
  }
}
