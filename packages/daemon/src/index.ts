/** What the CLI, tests and benchmarks take of this package. */
export { backUp } from "./backup/back-up.ts";
export type { BackupManifest } from "./backup/backup-folder.ts";
export { restoreBackup } from "./backup/restore-backup.ts";
export { readConfig } from "./config.ts";
export type { DaemonConfig, DaemonFlags } from "./config.ts";
export { runDoctor } from "./doctor.ts";
export type { DoctorCheck } from "./doctor-check.ts";
export type { DoctorReport } from "./doctor.ts";
export {
  importImage,
  inspectImage,
  listImages,
  loadImages,
  pullImage,
  removeImage,
  saveImage,
  setImageStart,
  warmImage,
} from "./images.ts";
export type { Image, ImageDetails } from "./images.ts";
export { askOperator } from "./operator-request.ts";
export {
  createKey,
  createOrganisation,
  listKeys,
  listOrganisations,
  removeKey,
  removeOrganisation,
  setLimits,
} from "./organisations.ts";
export type { ApiKey, KeyWanted, Organisation } from "./organisations.ts";
export { endQuarantined, listQuarantine } from "./quarantine.ts";
export type { Quarantined } from "./quarantine.ts";
export { serve } from "./serve.ts";
export { startDaemon } from "./start-daemon.ts";
export type { StartedDaemon } from "./start-daemon.ts";
export { ORDER_FILE, PASSED_FILE, REACHED_FILE, RELEASED_FILE } from "./steps-folder.ts";
export type { StepOrder } from "./steps-folder.ts";
export { stopDaemon } from "./stop-daemon.ts";
export { cacheUse, pruneCache } from "./cache.ts";
