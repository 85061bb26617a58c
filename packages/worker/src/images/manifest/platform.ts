/** Which of an image's variants runs here. */
import { invalidImage } from "../invalid-image.ts";
import type { IndexEntry } from "./manifest.ts";

/** Guests are of this kind, on every host. */
const OS = "linux";
const ARCHITECTURE = "amd64";
export const PLATFORM = `${OS}/${ARCHITECTURE}`;
/** Every processor that guests are given has what the second level asks for, and not all of the third. */
const VARIANTS: readonly string[] = ["v2", "", "v1"];

export function isOurs({
  os,
  architecture,
}: {
  readonly os: string;
  readonly architecture: string;
}): boolean {
  return os === OS && architecture === ARCHITECTURE;
}

/** Of several the best, and of equals the first, as everybody has it. */
export function choosePlatform<T extends Pick<IndexEntry, "os" | "architecture" | "variant">>(
  entries: readonly T[],
): T {
  const ours = entries.filter(isOurs);
  for (const variant of VARIANTS) {
    const found = ours.find((entry) => entry.variant === variant);
    if (found !== undefined) return found;
  }
  const offered = entries.map(({ os, architecture, variant }) =>
    [os, architecture, variant].filter(Boolean).join("/"),
  );
  throw invalidImage(
    `it is not there for ${PLATFORM}, but for ${offered.slice(0, 10).join(", ") || "nothing"}`,
  );
}
