/** A certificate authority of a test's own, and a certificate of it for the daemon, made by openssl. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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

/** `names` as openssl has them, such as `DNS:fastvm.test` and `IP:127.0.0.1`. The files stay in the folder. */
export function makeAuthority(folder: string, names: readonly string[]): PrivateAuthority {
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
    "2",
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
    "2",
  ];
  openssl("x509", "-req", "-in", at("request.pem"), "-out", at("cert.pem"), ...issuer);
  const [caFile, cert, key, chain] = [at("ca.pem"), at("cert.pem"), at("key.pem"), at("chain.pem")];
  const ca = readFileSync(caFile, "utf8");
  writeFileSync(chain, readFileSync(cert, "utf8") + ca);
  return { caFile, ca, cert, key, chain };
}
