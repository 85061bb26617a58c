/** Ports of a VM that the proxy serves by name. */
import type { Service, VmId } from "@fastvm/contract";
import { checkServiceName } from "../../../../engine/engine.ts";
import { publicBase } from "../../../../http/public-base.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { serviceView } from "../../views/service-view.ts";

export function registerServices({ routes, engine, config }: FastvmScope): void {
  const view = (vmId: VmId, service: Service, base: URL) => serviceView(vmId, service, config, base);
  routes.serve("listServices", async ({ params, request }, caller) => {
    const base = publicBase(config, request);
    const { id, services } = await engine.vms.get(caller, params.vmId);
    return { status: 200, body: services.map((service) => view(id, service, base)) };
  });
  routes.serve("registerService", async ({ body, params, request }, caller) => {
    const base = publicBase(config, request);
    const service = { name: body.name, port: body.port, h2c: body.h2c ?? false };
    checkServiceName(service.name, "name");
    const { id } = await engine.services.add(caller, params.vmId, service);
    return { status: 201, body: view(id, service, base) };
  });
  routes.serve("updateService", async ({ body, params, request }, caller) => {
    const base = publicBase(config, request);
    const service = { name: params.serviceName, port: body.port, h2c: body.h2c ?? false };
    checkServiceName(service.name, "serviceName");
    const { id } = await engine.services.put(caller, params.vmId, service);
    return { status: 200, body: view(id, service, base) };
  });
  routes.serve("deleteService", async ({ params }, caller) => {
    await engine.services.remove(caller, params.vmId, params.serviceName);
    return { status: 204, body: undefined };
  });
}
