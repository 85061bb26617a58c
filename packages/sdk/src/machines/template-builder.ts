/** What a template is to be, said step by step. Nothing is sent before it is built. */
import type { Readiness } from "./template-types.ts";

type Strings = Readonly<Record<string, string>>;
type Base =
  | { readonly baseImage: string }
  | { readonly baseTemplate: string }
  | { readonly dockerfile: string };
type Step = Readonly<Record<string, string | readonly string[]>>;

/** `TemplateBuilder.fromImage("python:3.13").pipInstall("flask").setStartCmd("flask run", { waitForPort: 5000 })`. */
export class TemplateBuilder {
  readonly #base: Base;
  readonly #steps: Step[] = [];
  #buildEnvs: Strings = {};
  #runtimeEnvs: Strings = {};
  #start: object | undefined;

  private constructor(base: Base) {
    this.#base = base;
  }

  static fromImage(image: string): TemplateBuilder {
    return new TemplateBuilder({ baseImage: image });
  }

  /** By any reference of it; its runtime variables are inherited. */
  static fromTemplate(template: string): TemplateBuilder {
    return new TemplateBuilder({ baseTemplate: template });
  }

  static fromDockerfile(text: string): TemplateBuilder {
    return new TemplateBuilder({ dockerfile: text });
  }

  static fromUbuntu(version = "24.04"): TemplateBuilder {
    return TemplateBuilder.fromImage(`ubuntu:${version}`);
  }

  static fromDebian(version = "12"): TemplateBuilder {
    return TemplateBuilder.fromImage(`debian:${version}`);
  }

  static fromPython(version = "3.13"): TemplateBuilder {
    return TemplateBuilder.fromImage(`python:${version}`);
  }

  static fromNode(version = "24"): TemplateBuilder {
    return TemplateBuilder.fromImage(`node:${version}`);
  }

  static fromBun(version = "1"): TemplateBuilder {
    return TemplateBuilder.fromImage(`oven/bun:${version}`);
  }

  /** By the shell. */
  run(command: string): this {
    return this.#step({ kind: "run", command });
  }

  aptInstall(...packages: readonly string[]): this {
    return this.#step({ kind: "apt_install", packages });
  }

  pipInstall(...packages: readonly string[]): this {
    return this.#step({ kind: "pip_install", packages });
  }

  npmInstall(...packages: readonly string[]): this {
    return this.#step({ kind: "npm_install", packages });
  }

  bunInstall(...packages: readonly string[]): this {
    return this.#step({ kind: "bun_install", packages });
  }

  /** From the context that the build is given. */
  copy(source: string, destination: string): this {
    return this.#step({ kind: "copy", source, destination });
  }

  remove(path: string): this {
    return this.#step({ kind: "remove", path });
  }

  rename(source: string, destination: string): this {
    return this.#step({ kind: "rename", source, destination });
  }

  gitClone(url: string, path: string, branch?: string): this {
    return this.#step({ kind: "git_clone", url, path, ...(branch === undefined ? {} : { branch }) });
  }

  workdir(path: string): this {
    return this.#step({ kind: "workdir", path });
  }

  /** Of the steps behind it. */
  user(name: string): this {
    return this.#step({ kind: "user", name });
  }

  /** Of the steps, and of nothing later. */
  setBuildEnvs(envs: Strings): this {
    this.#buildEnvs = { ...this.#buildEnvs, ...envs };
    return this;
  }

  /** Of every command in its machines, and in those of templates on top of it. */
  setRuntimeEnvs(envs: Strings): this {
    this.#runtimeEnvs = { ...this.#runtimeEnvs, ...envs };
    return this;
  }

  /** Runs while the template is built: every machine begins where it had come to. */
  setStartCmd(command: string, readiness: Readiness = {}): this {
    this.#start = { command, ...readiness };
    return this;
  }

  /** As it is sent. */
  toDefinition(): object {
    return {
      ...this.#base,
      steps: [...this.#steps],
      buildEnvs: this.#buildEnvs,
      runtimeEnvs: this.#runtimeEnvs,
      ...(this.#start === undefined ? {} : { start: this.#start }),
    };
  }

  #step(step: Step): this {
    this.#steps.push(step);
    return this;
  }
}
