/**
 * What goes on from a VM to its snapshots, from a snapshot to what is restored, from a VM
 * to its forks: all of `VmSettings`, whatever that comes to hold, but for ports of the host.
 */
import { MIN_DISK_GIB, type MachineType } from "@fastvm/contract";
import { SETTINGS, type VmSettings } from "../../store/vm-settings.ts";

/** What is undefined, or left out, is inherited. */
export type SettingsChanges = { readonly [Name in keyof VmSettings]?: VmSettings[Name] | undefined };

export function inherit(from: VmSettings, changes: SettingsChanges = {}): VmSettings {
  return Object.fromEntries(
    SETTINGS.map((name) => [
      name,
      changes[name] ?? (name === "network" ? passedOn(from.network) : from[name]),
    ]),
  ) as unknown as VmSettings;
}

/** A port of the host leads to one VM. */
function passedOn(network: VmSettings["network"]): VmSettings["network"] {
  if (network?.policy.published === undefined) return network;
  const { published: _itsOwn, ...policy } = network.policy;
  return { ...network, policy };
}

/** Of a VM that is made from nothing but its machine type. */
export function settingsOfMachine(machine: MachineType): VmSettings {
  return {
    machineName: machine.name,
    cpu: machine.cpu,
    memoryMib: machine.memoryMib,
    diskGib: MIN_DISK_GIB,
    metadata: {},
    envVars: {},
    network: undefined,
    services: [],
    sshKeys: [],
    autoResume: false,
    inactivityMs: 0,
    inactivityAction: "",
    guestWorkCounts: false,
    maxLifeMs: 0,
    maxLifeAction: "pause",
    autoDeleteMs: 0,
    ephemeral: false,
    cwd: "",
    template: "",
    templateRef: "",
    volumes: [],
    durability: "relaxed",
    restartPolicy: "never",
    privateTraffic: false,
    maskHost: "",
    interception: undefined,
  };
}
