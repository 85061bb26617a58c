import { expect, test } from "vitest";
import { UserError } from "../../user-error.ts";
import { mounts, parseMount, tmpfsMounts } from "./mount.ts";

test.each([
  ["data:/mnt/data", { volumeId: "data", mountPath: "/mnt/data" }],
  ["data:/mnt/data:ro", { volumeId: "data", mountPath: "/mnt/data", readOnly: true }],
  ["/srv/share:/mnt/s:rw", { host: { path: "/srv/share" }, mountPath: "/mnt/s", readOnly: false }],
  ["/srv/a.qcow2:/mnt/a", { image: { path: "/srv/a.qcow2" }, mountPath: "/mnt/a" }],
])("%s", (text, expected) => {
  expect(parseMount(text)).toEqual(expected);
});

test("several of each option add up", () => {
  expect(mounts("b:/mnt/b", mounts("a:/mnt/a"))).toHaveLength(2);
  expect(tmpfsMounts("/mnt/b:64", tmpfsMounts("/mnt/a"))).toEqual([
    { mountPath: "/mnt/a", tmpfs: {} },
    { mountPath: "/mnt/b", tmpfs: { sizeMiB: 64 } },
  ]);
});

test.each(["data", ":/mnt/x", "data:mnt"])("%s is no mount", (text) => {
  expect(() => parseMount(text)).toThrow(UserError);
});

test("a place that is none, and a size that is none", () => {
  for (const text of ["mnt", ""]) expect(() => tmpfsMounts(text)).toThrow(UserError);
});
