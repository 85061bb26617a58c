/** What a sandbox mounts. */
import { Type } from "typebox";
import { CLOSED, maybe, oneOf, storageMib, tagged } from "./parts.ts";

const text = () => Type.String({ minLength: 1, maxLength: 4096 });

const options = Type.Optional(
  Type.Object(
    {
      readonly: Type.Optional(Type.Boolean()),
      noexec: Type.Optional(Type.Boolean()),
      nosuid: Type.Optional(Type.Boolean()),
      nodev: Type.Optional(Type.Boolean()),
    },
    CLOSED,
  ),
);

const OWNERS = {
  stat_virtualization: Type.Optional(oneOf(["strict", "relaxed", "off"])),
  host_permissions: Type.Optional(oneOf(["private", "mirror"])),
};

const NamedVolumeCreateSchema = Type.Object(
  {
    mode: oneOf(["existing", "create", "ensure_exists"]),
    name: text(),
    kind: oneOf(["directory", "disk"]),
    quota_mib: maybe(storageMib()),
    capacity_mib: maybe(storageMib()),
    labels: Type.Array(Type.Array(Type.String(), { minItems: 2, maxItems: 2 })),
  },
  CLOSED,
);

export const MountSchema = tagged([
  Type.Object(
    {
      type: Type.Literal("named"),
      name: text(),
      guest: text(),
      create: maybe(NamedVolumeCreateSchema),
      options,
      ...OWNERS,
    },
    CLOSED,
  ),
  Type.Object({ type: Type.Literal("tmpfs"), guest: text(), size_mib: maybe(storageMib()), options }, CLOSED),
  Type.Object(
    {
      type: Type.Literal("bind"),
      host: text(),
      guest: text(),
      quota_mib: maybe(storageMib()),
      options,
      ...OWNERS,
    },
    CLOSED,
  ),
  Type.Object(
    {
      type: Type.Literal("disk_image"),
      host: text(),
      guest: text(),
      format: oneOf(["qcow2", "raw", "vmdk"]),
      fstype: maybe(text()),
      options,
    },
    CLOSED,
  ),
]);
