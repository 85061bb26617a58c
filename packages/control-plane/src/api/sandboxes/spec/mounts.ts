/** What a specification mounts, as the engine's orders. Places, names and rights are the engine's to check. */
import type { SandboxSpec } from "@fastvm/contract";
import { DEFAULT_HOST_QUOTA_MIB } from "@fastvm/contract";
import type { MountOrder } from "../../../engine/engine.ts";
import { invalid } from "./invalid.ts";

type Mount = NonNullable<SandboxSpec["mounts"]>[number];

export function mountOrdersOf({ mounts = [] }: SandboxSpec): readonly MountOrder[] {
  return mounts.map((mount, index) => {
    const { readonly, ...limits } = mount.options ?? {};
    const placed = {
      volume: "",
      mountPath: mount.guest,
      // What is not said is the volume's own.
      readOnly: readonly === true ? true : undefined,
      ...limits,
    };
    return { ...placed, ...sourceOf(mount, `mounts.${index}`) };
  });
}

function sourceOf(mount: Mount, at: string): Pick<MountOrder, "source"> & { readonly volume?: string } {
  switch (mount.type) {
    case "named":
      refuse(`${at}.create`, (mount.create?.mode ?? "existing") !== "existing");
      refuse(`${at}.stat_virtualization`, (mount.stat_virtualization ?? "strict") !== "strict");
      refuse(`${at}.host_permissions`, (mount.host_permissions ?? "private") !== "private");
      return { volume: mount.name };
    case "tmpfs": {
      const sizeMib = mount.size_mib ?? undefined;
      return { source: { kind: "tmpfs", ...(sizeMib === undefined ? {} : { sizeMib }) } };
    }
    case "bind":
      return {
        source: {
          kind: "host",
          path: mount.host,
          statVirtualization: mount.stat_virtualization ?? "strict",
          hostPermissions: mount.host_permissions ?? "private",
          quotaMib: mount.quota_mib ?? DEFAULT_HOST_QUOTA_MIB,
        },
      };
    case "disk_image":
  }
  refuse(`${at}.fstype`, (mount.fstype ?? undefined) !== undefined);
  if (mount.format === "vmdk") throw invalid(`${at}.format`, "vmdk is not supported by this server");
  return { source: { kind: "image", path: mount.host, format: mount.format } };
}

function refuse(field: string, isAsked: boolean): void {
  if (isAsked) throw invalid(field, "is not supported by this server");
}
