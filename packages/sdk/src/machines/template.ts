/** Templates: built from a `TemplateBuilder`, named, and what their builds print. */
import { joinPath } from "../http/path.ts";
import { MachineConnection, newKey } from "./connection.ts";
import type { CallOptions, MachineOptions } from "./connection.ts";
import { MachineError } from "./machine-error.ts";
import type { TemplateBuilder } from "./template-builder.ts";
import type { TemplateBuildInfo, TemplateInfo, TemplateLogs, TemplateResources } from "./template-types.ts";

const TEMPLATES = "/v1/templates";
/** Below what the server waits at most, and what a call may last. */
const WAIT_MS = 20_000;

type Options = MachineOptions & CallOptions;

export interface BuildOptions extends Options {
  /** That means the build once it is ready. Default `latest`. */
  readonly tag?: string | undefined;
  /** Of machines that say nothing else. */
  readonly resources?: TemplateResources | undefined;
  /** Of what was uploaded to be copied from. */
  readonly contextId?: string | undefined;
  readonly noCache?: boolean | undefined;
  /** The same key gives the same build. Default: a new one. */
  readonly idempotencyKey?: string | undefined;
}

/** Called as `Machine.create` is: there is no handle of a template, whose name is enough. */
// oxlint-disable-next-line typescript/no-extraneous-class -- one name beside Machine and Volume, in both languages
export class Template {
  /** Begins a build, which goes on by itself; the template is made if there is none of that name. */
  static async buildInBackground(
    name: string,
    builder: TemplateBuilder,
    {
      tag,
      resources,
      contextId,
      noCache,
      idempotencyKey: key = newKey(),
      signal,
      ...options
    }: BuildOptions = {},
  ): Promise<TemplateBuildInfo> {
    const body = { name, tag, definition: builder.toDefinition(), resources, contextId, noCache };
    return new MachineConnection(options).call("POST", TEMPLATES, { body, key, signal });
  }

  /** Resolves when it is ready, with each line told as it comes; rejects with `template_build_failed` when it comes to another end. */
  static async build(
    name: string,
    builder: TemplateBuilder,
    { onLog, ...options }: BuildOptions & { readonly onLog?: (line: string) => void } = {},
  ): Promise<TemplateBuildInfo> {
    const { id } = await Template.buildInBackground(name, builder, options);
    for await (const line of Template.followLogs(id, options)) onLog?.(line);
    const build = await Template.getBuild(id, options);
    if (build.status === "ready") return build;
    throw new MachineError(build.error ?? `The build is ${build.status}`, { code: "template_build_failed" });
  }

  static async list(options: Options = {}): Promise<readonly TemplateInfo[]> {
    const { signal } = options;
    const answer = await new MachineConnection(options).call<{ readonly templates: readonly TemplateInfo[] }>(
      "GET",
      TEMPLATES,
      { signal },
    );
    return answer.templates;
  }

  /** By name, another name, or id. */
  static get(ref: string, options: Options = {}): Promise<TemplateInfo> {
    return new MachineConnection(options).call("GET", pathOf(ref), { signal: options.signal });
  }

  static rename(ref: string, name: string, options: Options = {}): Promise<TemplateInfo> {
    const call = { body: { name }, once: true, signal: options.signal };
    return new MachineConnection(options).call("PATCH", pathOf(ref), call);
  }

  static addAlias(ref: string, name: string, options: Options = {}): Promise<TemplateInfo> {
    const call = { body: { name }, signal: options.signal };
    return new MachineConnection(options).call("POST", `${pathOf(ref)}/aliases`, call);
  }

  static removeAlias(ref: string, name: string, options: Options = {}): Promise<TemplateInfo> {
    const path = joinPath("v1", "templates", ref, "aliases", name);
    return new MachineConnection(options).call("DELETE", path, { once: true, signal: options.signal });
  }

  /** The tag, by default `latest`, means that build from now on; warm pools that follow it do too. */
  static promote(
    ref: string,
    buildId: string,
    { tag, ...options }: Options & { readonly tag?: string } = {},
  ): Promise<TemplateInfo> {
    const call = { body: { buildId, tag }, signal: options.signal };
    return new MachineConnection(options).call("POST", `${pathOf(ref)}/promote`, call);
  }

  /** With its builds; machines of it stay. */
  static async delete(ref: string, options: Options = {}): Promise<void> {
    await new MachineConnection(options).raw("DELETE", pathOf(ref), { once: true, signal: options.signal });
  }

  /** Newest first. */
  static async builds(ref: string, options: Options = {}): Promise<readonly TemplateBuildInfo[]> {
    const { signal } = options;
    const answer = await new MachineConnection(options).call<{
      readonly builds: readonly TemplateBuildInfo[];
    }>("GET", `${pathOf(ref)}/builds`, { signal });
    return answer.builds;
  }

  static getBuild(id: string, options: Options = {}): Promise<TemplateBuildInfo> {
    return new MachineConnection(options).call("GET", buildPath(id), { signal: options.signal });
  }

  /** Fine for one that has ended. */
  static cancelBuild(id: string, options: Options = {}): Promise<TemplateBuildInfo> {
    const call = { body: {}, signal: options.signal };
    return new MachineConnection(options).call("POST", `${buildPath(id)}/cancel`, call);
  }

  /** Another build of the same definition. */
  static retryBuild(
    id: string,
    {
      contextId,
      idempotencyKey: key = newKey(),
      signal,
      ...options
    }: Pick<BuildOptions, "contextId" | "idempotencyKey"> & Options = {},
  ): Promise<TemplateBuildInfo> {
    return new MachineConnection(options).call("POST", `${buildPath(id)}/retry`, {
      body: { contextId },
      key,
      signal,
    });
  }

  /** From the line `offset` on, over whatever connections that takes, to its end. Whoever stops reading leaves the build alone. */
  static async *followLogs(
    id: string,
    { offset = 0, signal, ...options }: Options & { readonly offset?: number } = {},
  ): AsyncGenerator<string, void, undefined> {
    const connection = new MachineConnection(options);
    for (let next = offset; ;) {
      const query = { offset: next, wait_ms: WAIT_MS };
      const page = await connection.call<TemplateLogs>("GET", `${buildPath(id)}/logs`, { query, signal });
      yield* page.lines;
      if (page.complete) return;
      next = page.nextOffset;
    }
  }
}

function pathOf(ref: string): string {
  return joinPath("v1", "templates", ref);
}

function buildPath(id: string): string {
  return joinPath("v1", "template-builds", id);
}
