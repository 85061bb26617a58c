/** What of a QEMU's confinement is in force on this host, for `doctor`. */
import { inspectConfinement } from "@fastvm/worker";
import type { Confinement } from "@fastvm/worker";
import type { DoctorCheck } from "./doctor-check.ts";

/** Without these a VM has more of the host than it should; disks are weighed by few hosts, and nothing but fairness hangs on it. */
const EXPECTED = ["memory", "cpu", "pids"] as const;

export async function checkConfinement(): Promise<readonly DoctorCheck[]> {
  const found = await inspectConfinement();
  return [describeNamespaces(found), describeGroups(found)];
}

export function describeNamespaces({
  namespaces: { given, refused },
}: Pick<Confinement, "namespaces">): DoctorCheck {
  const name = "namespaces";
  const detail = `${[...given].join(", ") || "none"} for each VM's QEMU`;
  if (refused.size === 0) return { name, status: "ok", detail };
  const missing = [...refused].map(([kind, why]) => `${kind}: ${why}`).join("; ");
  return {
    name,
    status: "warn",
    detail: `${detail}; not ${missing}`,
    hint:
      "VMs run without those; give the daemon CAP_SYS_ADMIN, in a container that may " +
      "unshare. Without mount a QEMU that was taken over sees what every user of the host sees",
  };
}

export function describeGroups({ controllers }: Pick<Confinement, "controllers">): DoctorCheck {
  const name = "control groups";
  const missing = EXPECTED.filter((controller) => !controllers.has(controller));
  const versions = [...new Set(controllers.values())].map((version) => `version ${version}`).join(" and ");
  const inForce = [...controllers.keys()].map((each) =>
    each === "io" ? "io (where the disk's scheduler weighs)" : each,
  );
  const detail = inForce.length === 0 ? "none that can be written" : `${inForce.join(", ")} of ${versions}`;
  if (missing.length === 0) return { name, status: "ok", detail };
  return {
    name,
    status: "warn",
    detail,
    hint: `VMs run without bounds on ${missing.join(", ")}; mount cgroup2 writable, and in a container leave its root group to no process`,
  };
}
