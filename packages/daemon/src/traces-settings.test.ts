/** Where spans go, by which of a flag, the environment and the machine's file. */
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const of = (env: NodeJS.ProcessEnv, tracesEndpoint?: string) => readConfig({ tracesEndpoint }, env).traces;

test("nowhere unless told otherwise", () => {
  expect(of({})).toBeUndefined();
  expect(of({ OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toBeUndefined();
});

test("a flag goes before the environment, and what is for traces before what is for all", () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://all:4318/",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces:4318/taken/as/it/is",
    FASTVM_TRACES_ENDPOINT: "https://own:4318/base",
  };
  expect(of(env, "http://flag:4318")?.url).toBe("http://flag:4318/v1/traces");
  expect(of(env)?.url).toBe("https://own:4318/base/v1/traces");
  expect(of({ ...env, FASTVM_TRACES_ENDPOINT: "" })?.url).toBe("http://traces:4318/taken/as/it/is");
  expect(of({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://all:4318/" })?.url).toBe("http://all:4318/v1/traces");
});

test.each([{ OTEL_SDK_DISABLED: "true" }, { OTEL_TRACES_EXPORTER: "none" }])(
  "the environment can turn it off: %o",
  (env) => {
    expect(of(env, "http://127.0.0.1:4318")).toBeUndefined();
  },
);

test.each([
  ["", undefined, 1, true],
  ["always_on", undefined, 1, false],
  ["always_off", undefined, 0, false],
  ["traceidratio", "0.25", 0.25, false],
  ["parentbased_traceidratio", ".5", 0.5, true],
  ["parentbased_always_off", undefined, 0, true],
])("sampler %j with %j", (sampler, part, ratio, isParentBased) => {
  const env = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: part };
  expect(of(env, "http://127.0.0.1:4318")).toMatchObject({ ratio, isParentBased });
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "127.0.0.1:4318" }, "The endpoint of traces is http or https"],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://user:secret@x:4318" },
    "a key goes into OTEL_EXPORTER_OTLP_HEADERS",
  ],
  [{ OTEL_TRACES_SAMPLER: "sometimes" }, "OTEL_TRACES_SAMPLER is one of always_on, parentbased_always_on"],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" }, "a number from 0 to 1"],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "not by grpc: give the port for HTTP"],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: "10s" }, "a number of milliseconds"],
])("refuses %o, and says what would do", (env, words) => {
  expect(() => of({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318", ...env })).toThrow(words);
});
