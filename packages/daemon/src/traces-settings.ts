/**
 * Whether spans are sent, and where: by a setting of ours, or by the variables that OpenTelemetry has for all programs. Of these its own
 * library reads those for headers, certificates, compression and the name of the service.
 */

export interface TracesSettings {
  /** Takes OTLP in JSON, by POST. */
  readonly url: string;
  /** Of traces that begin here, or of all where `isParentBased` says no: which part is sent, from 0 to 1. */
  readonly ratio: number;
  /** Whoever has begun a trace has decided for all of it. */
  readonly isParentBased: boolean;
  /** Of one batch, with its repetitions; a daemon that ends may wait for it. */
  readonly timeoutMs: number;
}

/** The standard's 10 s are as long as `fastvm daemon stop` waits at all. */
const DEFAULT_TIMEOUT_MS = 4_000;

/** `given`: of a flag or a setting, without the path. */
export function tracesSettingsOf(
  env: NodeJS.ProcessEnv,
  given: { readonly flag: string | undefined; readonly setting: string | undefined },
): TracesSettings | undefined {
  const isOff = env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || env["OTEL_TRACES_EXPORTER"] === "none";
  const url = isOff ? undefined : urlOf(env, given);
  if (url === undefined) return undefined;
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] || env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  if (protocol === "grpc")
    throw new Error("Traces are sent by HTTP, which is http/json, and not by grpc: give the port for HTTP");
  const sampler = samplerOf(
    env["OTEL_TRACES_SAMPLER"] || undefined,
    env["OTEL_TRACES_SAMPLER_ARG"] || undefined,
  );
  return { url, ...sampler, timeoutMs: timeoutOf(env) };
}

/** A flag goes before the environment, that before the file. */
function urlOf(
  env: NodeJS.ProcessEnv,
  { flag, setting }: { readonly flag: string | undefined; readonly setting: string | undefined },
): string | undefined {
  const base = flag ?? (env["FASTVM_TRACES_ENDPOINT"] || undefined);
  if (base !== undefined) return withPath(base);
  const whole = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || undefined;
  if (whole !== undefined) return checked(whole).href;
  const rest = env["OTEL_EXPORTER_OTLP_ENDPOINT"] || setting;
  return rest === undefined ? undefined : withPath(rest);
}

/** As the specification of OTLP has it for an endpoint of all signals. */
function withPath(base: string): string {
  const url = checked(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  return url.href;
}

function checked(value: string): URL {
  const url = URL.parse(value);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "")
    return url;
  throw new Error(
    `The endpoint of traces is http or https, a host and a port, such as http://127.0.0.1:4318, not "${value}"; ` +
      "a key goes into OTEL_EXPORTER_OTLP_HEADERS",
  );
}

const SAMPLERS = ["always_on", "always_off", "traceidratio"] as const;
const BY_PARENT = "parentbased_";

function samplerOf(
  name = "parentbased_always_on",
  part = "1",
): Pick<TracesSettings, "ratio" | "isParentBased"> {
  const isParentBased = name.startsWith(BY_PARENT);
  const kind = SAMPLERS.find((known) => known === (isParentBased ? name.slice(BY_PARENT.length) : name));
  if (kind === undefined) {
    const known = SAMPLERS.flatMap((each) => [each, `${BY_PARENT}${each}`]);
    throw new Error(`OTEL_TRACES_SAMPLER is one of ${known.join(", ")}, not "${name}"`);
  }
  if (kind !== "traceidratio") return { isParentBased, ratio: kind === "always_on" ? 1 : 0 };
  const ratio = /^\d*\.?\d+$/.test(part) ? Number(part) : NaN;
  if (ratio >= 0 && ratio <= 1) return { isParentBased, ratio };
  throw new Error(`OTEL_TRACES_SAMPLER_ARG is a number from 0 to 1, not "${part}"`);
}

function timeoutOf(env: NodeJS.ProcessEnv): number {
  const value = env["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"] || env["OTEL_EXPORTER_OTLP_TIMEOUT"] || undefined;
  if (value === undefined) return DEFAULT_TIMEOUT_MS;
  if (/^[1-9]\d{0,5}$/.test(value)) return Number(value);
  throw new Error(`OTEL_EXPORTER_OTLP_TIMEOUT is a number of milliseconds, not "${value}"`);
}
