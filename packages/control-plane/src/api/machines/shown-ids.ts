/** Names of what is no machine and no snapshot: the engine's, written anew. */
import { FastvmError } from "@fastvm/contract";

type Kind = "webhook" | "delivery" | "pool" | "template" | "build";

const PREFIX: Readonly<Record<Kind, string>> = {
  webhook: "wh_",
  delivery: "del_",
  pool: "twp_",
  template: "tpl_",
  build: "tbd_",
};
const TEMPLATE_ID = /^tpl_[0-9a-f]{32}(?=$|:)/;
const HEX = /^[0-9a-f]{32}$/;
/** Errors quote what they did not find, but not all of it. */
const MAX_QUOTED = 80;

export function shownId(kind: Kind, id: string): string {
  return `${PREFIX[kind]}${id.replaceAll("-", "")}`;
}

/** A reference by id, with or without a tag, in the engine's words; any other as it is. */
export function engineTemplate(reference: string): string {
  return reference.replace(TEMPLATE_ID, (id) => engineId("template", id));
}

/** Throws for what can be none, as for what there is not. */
export function engineId(kind: Kind, shown: string): string {
  const hex = shown.startsWith(PREFIX[kind]) ? shown.slice(PREFIX[kind].length) : "";
  if (HEX.test(hex)) return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  const quoted = JSON.stringify(shown.slice(0, MAX_QUOTED));
  throw new FastvmError("not_found", `no ${kind} has the id ${quoted}`, { field: kind });
}
