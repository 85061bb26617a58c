/** Who a guest is before it is anybody's: in a template, and while it stands by. */
import type { VmIdentity } from "@fastvm/contract";

/** As long as the name that a VM has by default: files that keep their size are changed in place, without the file system's journal. */
export const NOBODY: VmIdentity = { hostname: "vm-template", envVars: {}, authorizedKeys: [] };
