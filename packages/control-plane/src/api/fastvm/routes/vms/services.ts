import {
  FastvmError,
  MAX_SERVICE_NAME_LENGTH,
  MAX_SERVICES,
  type Service,
  type VmId,
} from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { publicBase } from "../../../../http/public-base.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { changeNetwork } from "../../../../engine/network/change-network.ts";
import type { VmRecord } from "../../../../store/vm-repository.ts";
import { serviceView } from "../../views/service-view.ts";
import { findVm } from "../../../../engine/find.ts";

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

export function registerServices(app: FastifyInstance, ctx: LifecycleContext): void {
  const view = (vmId: VmId, service: Service, base: URL) => serviceView(vmId, service, ctx.config, base);
  serve(app, ctx.store, "listServices", async ({ params, request }, caller) => {
    const base = publicBase(ctx.config, request);
    const { id, services } = await findVm(ctx, caller, params.vmId);
    return { status: 200, body: services.map((service) => view(id, service, base)) };
  });
  serve(app, ctx.store, "registerService", async ({ body, params, request }, caller) => {
    const base = publicBase(ctx.config, request);
    const service = { name: body.name, port: body.port, h2c: body.h2c ?? false };
    checkName(service.name, "name");
    const { id } = await findVm(ctx, caller, params.vmId);
    await changeNetwork(ctx, id, (vm) => {
      refuseOther(vm, service);
      return { services: withService(vm, service) };
    });
    return { status: 201, body: view(id, service, base) };
  });
  serve(app, ctx.store, "updateService", async ({ body, params, request }, caller) => {
    const base = publicBase(ctx.config, request);
    const service = { name: params.serviceName, port: body.port, h2c: body.h2c ?? false };
    checkName(service.name, "serviceName");
    const { id } = await findVm(ctx, caller, params.vmId);
    await changeNetwork(ctx, id, (vm) => ({ services: withService(vm, service) }));
    return { status: 200, body: view(id, service, base) };
  });
  serve(app, ctx.store, "deleteService", async ({ params }, caller) => {
    const { id } = await findVm(ctx, caller, params.vmId);
    await changeNetwork(ctx, id, (vm) => {
      return { services: vm.services.filter(({ name }) => name !== params.serviceName) };
    });
    return { status: 204, body: undefined };
  });
}

function checkName(name: string, field: string): void {
  if (NAME.test(name) && name.length <= MAX_SERVICE_NAME_LENGTH) return;
  const accepted = `accepted are 1 to ${MAX_SERVICE_NAME_LENGTH} of a-z, 0-9 and single hyphens inside`;
  const quoted = JSON.stringify(name.slice(0, 40));
  throw new FastvmError("invalid_request", `${quoted} is not a service name; ${accepted}`, { field });
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
