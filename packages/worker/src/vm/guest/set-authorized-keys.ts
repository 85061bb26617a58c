/** Who may log in to a running VM. The journal has it, too, for the VM's next life. */
import { step } from "@fastvm/contract";
import type { CallOptions } from "@fastvm/contract";
import { AUTHORIZED_KEYS_MODE, AUTHORIZED_KEYS_PATH, authorizedKeysFile } from "../../identity/handshake.ts";
import { asTransferError } from "./transfer-error.ts";
import type { Vm } from "../state/vm.ts";

export async function setAuthorizedKeys(
  vm: Vm,
  authorizedKeys: readonly string[],
  options: CallOptions,
): Promise<void> {
  const link = await vm.link({ signal: options.signal });
  try {
    await link.writeFile(AUTHORIZED_KEYS_PATH, Buffer.from(authorizedKeysFile(authorizedKeys)), {
      mode: AUTHORIZED_KEYS_MODE,
      // The server for SSH reads no keys that are somebody else's.
      user: "0",
      makeParents: true,
      signal: options.signal,
    });
  } catch (error) {
    throw asTransferError(error);
  }
  await step("keys.written");
  await vm.update({ identity: { ...vm.record.identity, authorizedKeys } });
  await step("keys.recorded");
}
