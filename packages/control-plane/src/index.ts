/** What the daemon takes of this package. */
export { buildApp } from "./app/build-app.ts";
export type { AppDependencies } from "./app/build-app.ts";
export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { DEFAULT_CONFIG } from "./config.ts";
export type { ControlPlaneConfig } from "./config.ts";
export { createControlPlane, openStoreAt } from "./create-control-plane.ts";
export type { ControlPlane, ControlPlaneOptions, StoreLocation } from "./create-control-plane.ts";
export { bindPort } from "./http/bound-port.ts";
export type { BoundPort } from "./http/bound-port.ts";
export type { TlsFiles } from "./http/api-server.ts";
export type { RequestDiversion } from "./http/request-diversion.ts";
export type { Log } from "./log.ts";
export { openPostgresStore, openSqliteStore } from "./store/store.ts";
export type { Store } from "./store/store.ts";
export { FakeImages } from "./testing/fake-images.ts";
export { FakeWorker } from "./testing/fake-worker.ts";
export type { FakeCommand } from "./testing/fake-worker.ts";
