/** Operations on warm pools. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import {
  CreateWarmPoolBodySchema,
  DeletedWarmPoolSchema,
  UpdateWarmPoolBodySchema,
  WarmPoolListSchema,
  WarmPoolSchema,
} from "./schemas/warm-pools.ts";

const POOLS = "/v1/template-warm-pools";
const POOL = `${POOLS}/{poolId}`;

const nothing = Type.Object({}, { additionalProperties: false, title: "EmptyBody" });

const order = <const Verb extends string>(verb: Verb, summary: string) =>
  ({
    method: "POST",
    path: `${POOL}/${verb}`,
    tag: "Warm pools",
    summary,
    body: nothing,
    responses: { 200: WarmPoolSchema },
    errors: [],
  }) as const;

export const WARM_POOL_OPERATIONS = {
  createWarmPool: {
    method: "POST",
    path: POOLS,
    tag: "Warm pools",
    summary: "Keep machines of a template ready",
    body: CreateWarmPoolBodySchema,
    responses: { 201: WarmPoolSchema },
    errors: ["image_invalid"],
  },
  listWarmPools: {
    method: "GET",
    path: POOLS,
    tag: "Warm pools",
    summary: "List pools, oldest first",
    responses: { 200: WarmPoolListSchema },
    errors: [],
  },
  getWarmPool: {
    method: "GET",
    path: POOL,
    tag: "Warm pools",
    summary: "Read a pool with its counts",
    responses: { 200: WarmPoolSchema },
    errors: [],
  },
  getWarmPoolStatus: {
    method: "GET",
    path: `${POOL}/status`,
    tag: "Warm pools",
    summary: "The same",
    responses: { 200: WarmPoolSchema },
    errors: [],
  },
  updateWarmPool: {
    method: "PATCH",
    path: POOL,
    tag: "Warm pools",
    summary: "Change a pool",
    body: UpdateWarmPoolBodySchema,
    responses: { 200: WarmPoolSchema },
    errors: [],
  },
  deleteWarmPool: {
    method: "DELETE",
    path: POOL,
    tag: "Warm pools",
    summary: "Delete a pool; machines that came out of it stay",
    responses: { 200: DeletedWarmPoolSchema },
    errors: [],
  },
  enableWarmPool: order("enable", "Fill it, and give out what is ready"),
  disableWarmPool: order("disable", "Neither fill it nor give out what is ready, which stays"),
  drainWarmPool: order("drain", "End what is ready"),
  reconcileWarmPool: order("reconcile", "Look now at what it has"),
} as const satisfies Record<string, Operation>;
