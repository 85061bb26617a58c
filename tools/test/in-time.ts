/** Set up in each test file of a run that has an end: no test begins behind it. */
import { beforeEach } from "vitest";
import { lastStartGiven } from "./run-order.ts";

const lastStart = lastStartGiven() ?? Infinity;

beforeEach(({ skip }) => skip(Date.now() > lastStart, "it was time"));
