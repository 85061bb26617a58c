/** What a VM printed beside its commands' output. */
import { Type, type Static } from "typebox";

export const VmLogsSchema = Type.Object(
  {
    console: Type.String({
      description:
        "The last 64 KiB that the guest wrote to its serial console: its kernel's warnings, " +
        "and what is sent to /dev/console. Bytes that are not UTF-8 are replaced.",
    }),
    hypervisor: Type.String({ description: "The last 64 KiB that QEMU wrote; nothing when all is well." }),
  },
  { title: "VmLogs" },
);
export type VmLogs = Static<typeof VmLogsSchema>;
