import { expect, test } from "vitest";
import { TEST_STORES } from "../testing/test-stores.ts";

test.each(TEST_STORES)("a $name store is made beside another of the same database", async ({ open }) => {
  const first = await open();
  const second = await open();
  expect(await second.vms.listAll()).toEqual([]);
  await second.close();
  await first.close();
});
