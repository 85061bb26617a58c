/** How a daemon is set that several files share. */
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What is beneath may be copied into VMs; a file that wants that makes a folder there. */
export const IMPORT_FOLDER = join(tmpdir(), "fastvm-e2e-import");

export const SHARED_SETTINGS = { importFolders: [IMPORT_FOLDER] } as const;
