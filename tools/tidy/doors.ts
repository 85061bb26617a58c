/** Doors: what is reached from outside by one file alone, and what knows nothing of whom it serves. */
import { dirname, join } from "node:path/posix";
import { importsOf } from "./imports.ts";
import { isTestCode, type Finding, type SourceFile } from "./source-file.ts";

const CONTROL_PLANE = "packages/control-plane/src";
const ENGINE = `${CONTROL_PLANE}/engine/`;
const MODEL = "packages/contract/src/model/";

interface Door {
  /** The files that it is about. */
  readonly holds: (path: string) => boolean;
  /** Why such a file must not import that: a path of the repository, or a package's name. */
  readonly objection: (imported: string, path: string) => string | undefined;
}

const DOORS: readonly Door[] = [
  {
    holds: (path) => apiOf(path) !== undefined,
    objection: (imported, path) => {
      const other = apiOf(imported);
      if (other !== undefined && other !== apiOf(path) && other !== "shared") {
        return "an API knows no other; put what both need into api/shared";
      }
      if (imported.startsWith(`${CONTROL_PLANE}/store/`)) return "an API asks the engine for records";
      if (imported.startsWith(ENGINE) && imported !== `${ENGINE}engine.ts`) {
        return "an API sees of the engine what engine.ts shows";
      }
      return undefined;
    },
  },
  {
    holds: (path) => path.startsWith(ENGINE),
    objection: (imported) =>
      imported === "fastify" || imported.startsWith(`${CONTROL_PLANE}/api/`)
        ? "the engine knows no API and no requests; say it in the engine's words"
        : undefined,
  },
  {
    holds: (path) => path.startsWith(MODEL),
    objection: (imported) =>
      imported.startsWith(MODEL) ? undefined : "the model is what everything else is made of",
  },
];

export function passedDoors(files: readonly SourceFile[]): readonly Finding[] {
  return files.flatMap((file) => {
    const doors = isTestCode(file.path) ? [] : DOORS.filter(({ holds }) => holds(file.path));
    return doors.flatMap(({ objection }) =>
      importsOf(file).flatMap((name) => finding(file, name, objection)),
    );
  });
}

function finding(file: SourceFile, name: string, objection: Door["objection"]): readonly Finding[] {
  const imported = name.startsWith(".") ? join(dirname(file.path), name) : name;
  const reason = objection(imported, file.path);
  return reason === undefined ? [] : [`${file.path}: imports ${imported}; ${reason}`];
}

/** `shared` is what all of them are made of. */
function apiOf(path: string): string | undefined {
  return /^packages\/control-plane\/src\/api\/([^/]+)\//.exec(path)?.[1];
}
