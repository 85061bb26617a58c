/** The services of VMs: names under which the proxy reaches ports of theirs. */
import { FastvmError, MAX_SERVICE_NAME_LENGTH, MAX_SERVICES, type Service } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Caller } from "../caller.ts";
import { findVm } from "../find.ts";
import { changeNetwork, type ChangeNetworkContext } from "../network/change-network.ts";

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** `field` is where the name stands in what was asked. */
export function checkServiceName(name: string, field: string): void {
  if (NAME.test(name) && name.length <= MAX_SERVICE_NAME_LENGTH) return;
  const accepted = `accepted are 1 to ${MAX_SERVICE_NAME_LENGTH} of a-z, 0-9 and single hyphens inside`;
  const quoted = JSON.stringify(name.slice(0, 40));
  throw new FastvmError("invalid_request", `${quoted} is not a service name; ${accepted}`, { field });
}

/** Each method resolves to the VM as it is then. Names are checked before. */
export class Services {
  readonly #ctx: ChangeNetworkContext;

  constructor(ctx: ChangeNetworkContext) {
    this.#ctx = ctx;
  }

  /** The same once more changes nothing; another of that name is a `conflict`. */
  add(caller: Caller, vm: string, service: Service): Promise<VmRecord> {
    return this.#change(caller, vm, (current) => {
      refuseOther(current, service);
      return withService(current, service);
    });
  }

  /** Whether there is one of that name or not. */
  put(caller: Caller, vm: string, service: Service): Promise<VmRecord> {
    return this.#change(caller, vm, (current) => withService(current, service));
  }

  /** Does nothing where there is none of that name. */
  remove(caller: Caller, vm: string, name: string): Promise<VmRecord> {
    return this.#change(caller, vm, ({ services }) => services.filter((service) => service.name !== name));
  }

  async #change(
    caller: Caller,
    reference: string,
    change: (vm: VmRecord) => readonly Service[],
  ): Promise<VmRecord> {
    const { id } = await findVm(this.#ctx, caller, reference);
    return changeNetwork(this.#ctx, id, (vm) => ({ services: change(vm) }));
  }
}

function refuseOther(vm: VmRecord, { name, port, h2c }: Service): void {
  const existing = vm.services.find((service) => service.name === name);
  if (existing === undefined || (existing.port === port && existing.h2c === h2c)) return;
  const detail = `service ${name} has port ${existing.port} and h2c ${existing.h2c}; use PUT to change it`;
  throw new FastvmError("conflict", detail, { field: existing.port === port ? "h2c" : "port" });
}

function withService(vm: VmRecord, service: Service): Service[] {
  const others = vm.services.filter(({ name }) => name !== service.name);
  if (others.length >= MAX_SERVICES) {
    throw new FastvmError("conflict", `the VM has ${MAX_SERVICES} services, which is the most it may have`);
  }
  return [...others, service].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
