/** What every command of a VM has: whom its guest trusts, then what its image's maker says, then the VM's own variables, which win. */
import type { CommandSetting } from "../../exec/start-exec.ts";
import { trustVariables } from "../../trust/trust.ts";
import type { VmRecord } from "../state/vm.ts";

export function settingOf({
  identity,
  trust,
  commands,
}: Pick<VmRecord, "commands" | "identity" | "trust">): CommandSetting {
  return {
    env: { ...trustVariables(trust), ...commands?.env, ...identity.envVars },
    workdir: commands?.workdir,
    restricted: commands?.restricted,
  };
}
