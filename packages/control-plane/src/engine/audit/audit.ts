/** An organisation's audit: who changed what through an API, by which request, and who tried to. */
import { isDeepStrictEqual } from "node:util";
import type { AuditEntry, AuditFilter, AuditRecord } from "../../store/audit-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { AuditBatch } from "./audit-batch.ts";
import { stateOf, type Subject, type SubjectState } from "./subject-states.ts";

/** What is known of a request when it is answered. */
interface AuditedRequest extends Pick<
  AuditRecord,
  "address" | "requestId" | "api" | "operation" | "method" | "path" | "status"
> {
  readonly subject: Subject | undefined;
  /** Of the subject, when the request came; `undefined`: there was none, or nothing of it can have changed. */
  readonly before: SubjectState | undefined;
  /** Whether the subject's record is looked at once more. */
  readonly mayChangeRecord: boolean;
  /** What the answer says of a thing that was made. */
  readonly made: Readonly<Record<string, unknown>> | undefined;
}

export class Audit {
  readonly #ctx: Parts<"clock" | "store">;
  readonly #batch: AuditBatch;

  constructor(ctx: Parts<"clock" | "log" | "store">) {
    this.#ctx = ctx;
    this.#batch = new AuditBatch(ctx);
  }

  stateOf(caller: Caller, subject: Subject): Promise<SubjectState | undefined> {
    return stateOf(this.#ctx, caller, subject);
  }

  /** Resolves when it is written, or the log says why not. */
  async write(caller: Caller, request: AuditedRequest): Promise<void> {
    const { subject, before, mayChangeRecord } = request;
    const later =
      subject !== undefined && mayChangeRecord
        ? await stateOf(
            this.#ctx,
            caller,
            before === undefined ? subject : { ...subject, ...byId(subject, before) },
          )
        : undefined;
    this.#batch.add(this.#entryOf(caller, request, later));
    await this.#batch.flush();
  }

  /** What changed nothing but what is in a VM: before any that comes later, and nobody waits for it. */
  writeSoon(caller: Caller, request: AuditedRequest): void {
    this.#batch.add(this.#entryOf(caller, request, undefined));
  }

  /** Resolves when what was written soon is written; from now on all is at once. */
  close(): Promise<void> {
    return this.#batch.close();
  }

  #entryOf(caller: Caller, request: AuditedRequest, later: SubjectState | undefined): AuditEntry {
    const { subject, before, mayChangeRecord, made, ...rest } = request;
    return {
      ...rest,
      orgId: caller.orgId,
      keyId: caller.keyId,
      at: this.#ctx.clock.now(),
      subject: before?.id ?? later?.id ?? subject?.reference ?? idOf(made),
      ...changes(before?.state, later?.state, made, subject !== undefined && mayChangeRecord),
    };
  }

  /** By their numbers: all that was answered before. */
  async find(
    { orgId }: Caller,
    filter: AuditFilter,
    slice: { readonly order: "asc" | "desc"; readonly limit: number },
  ): Promise<readonly AuditRecord[]> {
    await this.#batch.flush();
    return this.#ctx.store.audit.find(orgId, filter, slice);
  }
}

/** It may have been renamed. A sandbox has its VM's record. */
function byId({ kind }: Subject, { id }: SubjectState): Partial<Subject> {
  return kind === "sandbox" ? { kind: "vm", reference: id } : { reference: id };
}

function idOf(made: Readonly<Record<string, unknown>> | undefined): string | null {
  const id = made?.["id"];
  return typeof id === "string" ? id : null;
}

type State = Readonly<Record<string, unknown>>;

/** Of a record that stays, only what is not as it was. */
function changes(
  before: State | undefined,
  after: State | undefined,
  made: State | undefined,
  isOfRecord: boolean,
): Pick<AuditRecord, "before" | "after"> {
  if (before === undefined) {
    const begun = after ?? made;
    return begun === undefined ? { before: undefined, after: undefined } : { before: null, after: begun };
  }
  if (!isOfRecord) return { before: undefined, after: undefined };
  if (after === undefined) return { before, after: null };
  const changed = Object.keys(before).filter((field) => !isDeepStrictEqual(before[field], after[field]));
  const only = (state: State): State => Object.fromEntries(changed.map((field) => [field, state[field]]));
  return { before: only(before), after: only(after) };
}
