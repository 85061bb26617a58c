/** What the VMs of sandboxes may reach, by the words of a specification. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeEach(async () => {
  api = await sandboxesApp();
}, 60_000);
afterEach(() => api[Symbol.asyncDispose]());

const SPEC = { name: "one", image: { type: "oci", reference: "base" } };
const START = "POST /v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
const make = (fields: object = {}) => api.ok(START, { ...SPEC, ...fields });
const policy = (rules: object[]) => ({
  network: { policy: { default_egress: "deny", default_ingress: "allow", rules } },
});
const specOfVm = (id: string) => api.fastvm.worker.vms.get(id as VmId)?.spec;

describe("a sandbox", () => {
  test("without a network reaches nothing", async () => {
    const { id } = await make({ network: { enabled: false, strict: false } });
    expect(specOfVm(id)?.network).toMatchObject({
      egress: { default: "deny", rules: [] },
      ingress: { default: "deny", rules: [] },
      dns: { mode: "allow", domains: [] },
    });
  });

  test("has the network device that it asks for, whatever it may reach", async () => {
    const { id, spec } = await make({
      network: {
        interface: {
          ...{ mac: [2, 0, 0, 0, 0, 255], mtu: 1400 },
          ...{ ipv4_pool: "172.16.9.129/24", ipv6_address: "fd00::9", ipv6_pool: "fd00::/64" },
        },
      },
    });
    expect(spec.network.interface.mtu).toBe(1400);
    const guestLink = { mac: "02:00:00:00:00:ff", mtu: 1400, ipv4: "172.16.9.2", ipv6: "fd00::9" };
    expect(specOfVm(id)?.network).toMatchObject({ guestLink, egress: { default: "allow" } });
    // Who changes its firewall says nothing of that.
    const open = { egress: { default: "deny", rules: [] } };
    expect((await api.fastvm.call(`PUT /v1/vms/${id}/firewall`, open)).status).toBe(200);
    expect(api.fastvm.worker.vms.get(id as VmId)?.network).toMatchObject({
      guestLink,
      egress: { default: "deny" },
    });
    const pool = { ipv6_pool: "2001:db8:1:2:3::/80" };
    const { id: other } = await make({ name: "two", network: { interface: pool } });
    expect(specOfVm(other)?.network).toMatchObject({ guestLink: { ipv6: "2001:db8:1:2:3::2" } });
  });

  test("reaches what its policy says, in its order, and asks for no names but those", async () => {
    const { id } = await make(
      policy([
        { direction: "egress", destination: { domain: "Bad.example.com" }, action: "deny" },
        {
          direction: "any",
          destination: { domain_suffix: "example.com" },
          protocols: ["tcp"],
          ports: [{ start: 443, end: 443 }],
          action: "allow",
        },
        { direction: "ingress", destination: "any", action: "allow" },
        {
          direction: "egress",
          destination: { cidr: "10.1.0.0/16" },
          ports: [{ start: 1, end: 9 }],
          action: "allow",
        },
        { direction: "egress", destination: { group: "metadata" }, action: "deny" },
      ]),
    );
    const fqdn = (value: string) => ({ action: "allow", kind: "fqdn", value, protocol: "tcp", ports: "443" });
    const cidr = (protocol: string) => ({
      action: "allow",
      kind: "cidr",
      value: "10.1.0.0/16",
      protocol,
      ports: "1-9",
    });
    expect(specOfVm(id)?.network).toMatchObject({
      ingress: { default: "deny", rules: [] },
      egress: {
        default: "deny",
        rules: [
          { action: "deny", kind: "fqdn", value: "bad.example.com", protocol: "any", ports: "any" },
          fqdn("example.com"),
          fqdn("*.example.com"),
          cidr("tcp"),
          cidr("udp"),
          { action: "deny", kind: "cidr", value: "169.254.169.254/32", protocol: "any" },
        ],
      },
      dns: { mode: "allow", domains: ["example.com", "*.example.com"] },
    });
  });

  test("reaches the world, and asks for every name, with the policy that clients send by themselves", async () => {
    const { id } = await make(
      policy([
        { direction: "egress", destination: { domain: "bad.example.com" }, action: "deny" },
        {
          direction: "egress",
          destination: { group: "host" },
          protocols: ["udp", "tcp"],
          ports: [{ start: 53, end: 53 }],
          action: "allow",
        },
        { direction: "egress", destination: { group: "public" }, protocols: [], ports: [], action: "allow" },
      ]),
    );
    expect(specOfVm(id)?.network).toMatchObject({
      egress: { default: "deny", rules: [{ action: "deny" }, { value: "0.0.0.0/0" }, { value: "::/0" }] },
      dns: { mode: "deny", domains: ["bad.example.com"] },
    });
  });
});
