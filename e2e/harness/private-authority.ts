/** A certificate authority of a test's own, and a certificate of it for the daemon, made by openssl. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Beside the folders of daemons. */
const KEPT = "/var/cache/fastvm-test/authorities";
const KEPT_DAYS = 30;
const RENEWED_AFTER_MS = (KEPT_DAYS - 10) * 24 * 3_600_000;
/** What a template has of a certificate is written by these: when they change, it is to be written anew. */
const WRITERS = ["trust", "template"].map((name) =>
  fileURLToPath(new URL(`../../packages/worker/src/${name}/`, import.meta.url)),
);

export interface PrivateAuthority {
  /** The authority's certificate: what clients must trust. */
  readonly caFile: string;
  readonly ca: string;
  /** For the daemon. */
  readonly cert: string;
  readonly key: string;
  /** The certificate and, behind it, the authority's own. */
  readonly chain: string;
}

/**
 * One for this machine alone by each name, the same for weeks: templates that trust it are in the machine's cache, as all others are, and
 * boot once. Remade with any change of what writes the certificate into them.
 */
export function keptAuthority(name: string): PrivateAuthority {
  const folder = join(KEPT, `${name}-${digestOfWriters()}`);
  if (ageMs(folder) > RENEWED_AFTER_MS) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(KEPT, { recursive: true });
    const fresh = mkdtempSync(join(KEPT, "fresh-"));
    try {
      makeAuthority(fresh, ["IP:127.0.0.1", "DNS:localhost"], KEPT_DAYS);
      renameSync(fresh, folder);
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      // Another test was quicker: its own is as good.
      if (ageMs(folder) > RENEWED_AFTER_MS) throw error;
    }
  }
  return authorityIn(folder);
}

function digestOfWriters(): string {
  const digest = createHash("sha256");
  for (const folder of WRITERS)
    for (const name of readdirSync(folder).toSorted())
      if (!name.endsWith(".test.ts")) digest.update(readFileSync(join(folder, name)));
  return digest.digest("hex").slice(0, 16);
}

function ageMs(folder: string): number {
  const made = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  return made === undefined ? Infinity : Date.now() - made;
}

function authorityIn(folder: string): PrivateAuthority {
  const at = (name: string): string => join(folder, name);
  const [caFile, cert, key, chain] = [at("ca.pem"), at("cert.pem"), at("key.pem"), at("chain.pem")];
  return { caFile, ca: readFileSync(caFile, "utf8"), cert, key, chain };
}

/** `names` as openssl has them, such as `DNS:fastvm.test` and `IP:127.0.0.1`. The files stay in the folder. */
export function makeAuthority(folder: string, names: readonly string[], days = 2): PrivateAuthority {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { stdio: "pipe" });
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-subj",
    "/CN=A test",
    "-days",
    String(days),
  );
  openssl("req", ...newKey, "-keyout", at("key.pem"), "-out", at("request.pem"), "-subj", "/CN=fastvm");
  writeFileSync(at("names"), `subjectAltName=${names.join(",")}\n`);
  const issuer = [
    "-CA",
    at("ca.pem"),
    "-CAkey",
    at("ca.key"),
    "-CAcreateserial",
    "-extfile",
    at("names"),
    "-days",
    String(days),
  ];
  openssl("x509", "-req", "-in", at("request.pem"), "-out", at("cert.pem"), ...issuer);
  writeFileSync(at("chain.pem"), readFileSync(at("cert.pem"), "utf8") + readFileSync(at("ca.pem"), "utf8"));
  return authorityIn(folder);
}
