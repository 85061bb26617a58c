/** The SDK declares the wire's types itself, to have no dependencies; the compiler compares them with the contract's here. */
import type * as contract from "@fastvm/contract";
import { ERROR_CATALOGUE } from "@fastvm/contract";
import { describe, expect, expectTypeOf, it } from "vitest";
import { errorFromResponse } from "./errors.ts";
import type { ExecBody } from "./exec/exec.ts";
import type {
  DeletedResource,
  ExecResult,
  ForkFailure,
  ForkResult,
  QuotaUsage,
  Snapshot,
  Vm,
} from "./index.ts";
import type { CreateSnapshotParams, ForkParams, Health, LaunchParams, UpdateVmParams } from "./index.ts";
import { SDK_VERSION } from "./version.ts";
import packageJson from "../package.json" with { type: "json" };

/** Every key the contract has, so that a field which is added there is missed here. */
type MissingKeys<Wire, Ours> = Exclude<keyof Wire, keyof Ours>;

describe("the SDK's types", () => {
  it("accept every answer of the contract and know each of its fields", () => {
    expectTypeOf<contract.Vm>().toExtend<Vm>();
    expectTypeOf<contract.Snapshot>().toExtend<Snapshot>();
    expectTypeOf<contract.Quotas>().toExtend<QuotaUsage>();
    expectTypeOf<contract.Deletion>().toExtend<DeletedResource>();
    expectTypeOf<contract.Health>().toExtend<Health>();
    expectTypeOf<contract.ExecResult>().toExtend<ExecResult>();
    expectTypeOf<contract.ErrorBody>().toExtend<ForkFailure>();
    expectTypeOf<Omit<contract.ForkResponse, "children">>().toExtend<Omit<ForkResult, "children">>();
    expectTypeOf<MissingKeys<contract.Vm, Vm>>().toBeNever();
    expectTypeOf<MissingKeys<contract.Snapshot, Snapshot>>().toBeNever();
    expectTypeOf<MissingKeys<contract.Quotas, QuotaUsage>>().toBeNever();
    // With these two an answer is thrown as a CommandLostError.
    expectTypeOf<Exclude<MissingKeys<contract.ExecResult, ExecResult>, "error" | "code">>().toBeNever();
    expectTypeOf<MissingKeys<contract.ForkResponse, ForkResult>>().toBeNever();
  });

  it("offer each field that the contract takes", () => {
    expectTypeOf<MissingKeys<contract.LaunchBody, LaunchParams>>().toBeNever();
    expectTypeOf<MissingKeys<contract.UpdateVmBody, UpdateVmParams>>().toBeNever();
    expectTypeOf<MissingKeys<contract.ForkBody, ForkParams>>().toBeNever();
    expectTypeOf<MissingKeys<contract.CreateSnapshotBody, CreateSnapshotParams>>().toBeNever();
    expectTypeOf<MissingKeys<contract.ExecBody, ExecBody>>().toBeNever();
  });
});

describe("the SDK's errors", () => {
  it.each(Object.entries(ERROR_CATALOGUE))("carry what the catalogue says of %s", (code, entry) => {
    const body = { error: entry.message, message: entry.message, code, hint: entry.hint };
    const error = errorFromResponse(entry.status, JSON.stringify(body), new Headers());
    expect(error).toMatchObject({ status: entry.status, code, hint: entry.hint, detail: entry.message });
  });
});

describe("the SDK's version", () => {
  it("is the package's", () => {
    expect(SDK_VERSION).toBe(packageJson.version);
  });
});
