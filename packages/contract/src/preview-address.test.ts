import { expect, test } from "vitest";
import { newVmId } from "./model/ids.ts";
import {
  parsePreviewLabel,
  parsePreviewPath,
  parsePreviewPort,
  previewHostname,
  previewPath,
} from "./preview-address.ts";

test("an address is read from the host name and the path that it is written as", () => {
  const address = { vmId: newVmId(), port: 8080 };
  const [label = ""] = previewHostname(address, "example.test").split(".");
  expect(parsePreviewLabel(label)).toEqual(address);
  const path = previewPath(address);
  expect(parsePreviewPath(`${path}a?b`)).toEqual({ address, prefix: path.slice(0, -1) });
  expect(parsePreviewPath(path.slice(0, -1))?.address).toEqual(address);
  expect(parsePreviewPath(path.replace("/ports", "_7/ports"))?.address).toEqual(address);
});

test.each(["0", "65536", "22", "5900", "5999", "-1", "08", "8080x", "", "99999"])(
  "port %s is none",
  (port) => {
    expect(parsePreviewPort(port)).toBeUndefined();
    expect(parsePreviewLabel(`${port}-${"0".repeat(32)}`)).toBeUndefined();
    expect(parsePreviewPath(`/__ns-edge/machines/mch_${"0".repeat(32)}/ports/${port}/`)).toBeUndefined();
  },
);

test.each([
  "web--0123456789abcdef0123456789abcdef",
  "8080-0123456789ABCDEF0123456789abcdef",
  "8080-0123456789abcdef0123456789abcde",
])("the label %s names none", (label) => expect(parsePreviewLabel(label)).toBeUndefined());
