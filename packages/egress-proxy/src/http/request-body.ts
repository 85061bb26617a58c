/** How a request's body goes on: untouched, watched, or with secrets in it. */
import type { Readable } from "node:stream";
import type { BlockReason } from "@fastvm/contract";
import { MAX_BODY_BYTES, MAX_HELD_BYTES } from "../limits.ts";
import { BodyReplacer, bodyWriting, inBody, WATCHED } from "../secrets/replace-body.ts";
import { BlockedSecret, type Meaning } from "../secrets/gate.ts";
import type { PlaceholderFinder } from "../secrets/find-placeholders.ts";
import { replaceIn, type Place } from "../secrets/replace.ts";

interface BodyTraits {
  readonly contentType: string;
  /** Lower case; empty: none. */
  readonly contentEncoding: string;
  /** Absent: it has no length, and ends where it ends. */
  readonly length: number | undefined;
}

export type BodyPlan =
  | { readonly kind: "untouched" }
  /** As it comes. */
  | { readonly kind: "through"; readonly through: () => BodyReplacer }
  /** All of it first, since its length goes before it. */
  | { readonly kind: "whole"; readonly place: Place };

/** Bytes of bodies that wait for their end. */
let held = 0;

export function planBody(
  finder: PlaceholderFinder<Meaning>,
  traits: BodyTraits,
  protocol: "http1" | "http2",
): BodyPlan {
  // What is compressed is not looked into.
  const isEncoded = traits.contentEncoding !== "" && traits.contentEncoding !== "identity";
  if (finder.isEmpty || isEncoded || traits.length === 0) return { kind: "untouched" };
  const through = (place: Place): BodyPlan => ({
    kind: "through",
    through: () => new BodyReplacer(finder, place),
  });
  if (protocol === "http2") return through(unlessWanted("http2_body"));
  const place = inBody(bodyWriting(traits.contentType));
  if (traits.length === undefined) return through(place);
  if (!finder.some((meaning) => meaning.kind === "value" && place.wants(meaning.secret)))
    return through(WATCHED);
  return traits.length > MAX_BODY_BYTES ? through(unlessWanted("too_large")) : { kind: "whole", place };
}

/** A secret that was asked for in bodies is not silently left out of one. */
function unlessWanted(reason: BlockReason): Place {
  return {
    writing: "as it is",
    wants: (secret) => {
      if (secret.injection.body) throw new BlockedSecret(secret, reason);
      return false;
    },
  };
}

export class TooMuchHeld extends Error {
  override readonly name = "TooMuchHeld";
}

/** Rejects with a BlockedSecret, or where too many do this at once. */
export async function wholeBody(
  body: Readable,
  finder: PlaceholderFinder<Meaning>,
  place: Place,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (held + chunk.length > MAX_HELD_BYTES) throw new TooMuchHeld("too many large bodies at once");
      held += chunk.length;
      bytes += chunk.length;
      parts.push(chunk);
    }
    return replaceIn(Buffer.concat(parts), finder, place);
  } finally {
    held -= bytes;
  }
}
