/** Machines as tables. */
import type { MachineInfo } from "fastvm/machines";
import { localTime } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";

export function machineTable(machines: readonly MachineInfo[]): string {
  const rows = machines.map(({ id, status, template, config, createdAt, timeoutAt }) => [
    id,
    status,
    template,
    `${config.vcpus} vCPU, ${config.memoryMb} MB`,
    localTime(createdAt),
    timeoutAt === null ? "-" : localTime(timeoutAt),
  ]);
  return renderTable(["ID", "STATUS", "TEMPLATE", "SIZE", "CREATED", "TIMEOUT"], rows);
}
