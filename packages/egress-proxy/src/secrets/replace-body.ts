/** Secrets in a body, as it passes. */
import { Transform, type TransformCallback } from "node:stream";
import type { PlaceholderFinder } from "./find-placeholders.ts";
import type { Meaning } from "./gate.ts";
import { replaceFound, type Place, type Writing } from "./replace.ts";

/** Its error is a BlockedSecret where one may not go there; what came before has passed by then. */
export class BodyReplacer extends Transform {
  readonly #finder: PlaceholderFinder<Meaning>;
  readonly #place: Place;
  #held: Buffer = Buffer.alloc(0);

  constructor(finder: PlaceholderFinder<Meaning>, place: Place) {
    super();
    this.#finder = finder;
    this.#place = place;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pass(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false, done);
  }

  override _flush(done: TransformCallback): void {
    this.#pass(this.#held, true, done);
  }

  #pass(bytes: Buffer, isWhole: boolean, done: TransformCallback): void {
    try {
      const { found, settled } = this.#finder.search(bytes, isWhole);
      const passed = replaceFound(bytes.subarray(0, settled), found, this.#place);
      this.#held = bytes.subarray(settled);
      if (passed.length > 0) this.push(passed);
      done();
    } catch (error) {
      done(error as Error);
    }
  }
}

/** What stands in a body of this type is written as the type has it. */
export function bodyWriting(contentType: string | undefined): Writing {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "application/x-www-form-urlencoded") return "percent";
  return type === "application/json" || type.endsWith("+json") ? "json" : "as it is";
}

export const WATCHED: Place = { writing: "as it is", wants: () => false };

export function inBody(writing: Writing): Place {
  return { writing, wants: ({ injection }) => injection.body };
}
