/** SSH keys: `client.vms.sshKeys` of one VM, `client.me.sshKeys` of the user. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { namedIn, vmIdOf } from "../vms/vm.ts";
import type { DeletedResource, OfVm, VmRef } from "../vms/vm.ts";

export interface SshKey {
  /** `<type> <base64>`, without its comment. */
  readonly publicKey: string;
  /** `SHA256:…`, as `ssh-keygen -lf` prints it; it is the key's id. */
  readonly fingerprint: string;
  /** RFC 3339, with its zone. */
  readonly createdAt: string;
  readonly name?: string;
}

export interface AddSshKeyParams {
  /** One line of an OpenSSH `.pub` file. */
  readonly publicKey: string;
  readonly name?: string | undefined;
}

export interface SshKeyList {
  readonly keys: readonly SshKey[];
}

/** Keys that open one VM: `ssh root@<publicIpv6>`. */
export class VmSshKeys {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  list(vm: VmRef, options?: RequestOptions): ApiPromise<SshKeyList> {
    return this.#http.json({ method: "GET", path: pathOf(vm), options });
  }

  /** Throws ConflictError when the VM has the key already. */
  add(vm: VmRef, params: AddSshKeyParams, options?: RequestOptions): ApiPromise<SshKey> {
    return this.#http.json({
      method: "POST",
      path: pathOf(vm),
      body: oneLine(params),
      attempts: "once",
      options,
    });
  }

  delete(fingerprint: string, params: OfVm, options?: RequestOptions): ApiPromise<DeletedResource>;
  delete(vm: VmRef, fingerprint: string, options?: RequestOptions): ApiPromise<DeletedResource>;
  delete(first: VmRef, second: string | OfVm, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(...namedIn(first, second)), options });
  }
}

/** Keys that open all VMs of their user. */
export class UserSshKeys {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  list(options?: RequestOptions): ApiPromise<SshKeyList> {
    return this.#http.json({ method: "GET", path: "/v1/me/ssh-keys", options });
  }

  /** Throws ConflictError when the key is known already. */
  add(params: AddSshKeyParams, options?: RequestOptions): ApiPromise<SshKey> {
    const body = oneLine(params);
    return this.#http.json({ method: "POST", path: "/v1/me/ssh-keys", body, attempts: "once", options });
  }

  delete(fingerprint: string, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({
      method: "DELETE",
      path: joinPath("v1", "me", "ssh-keys", fingerprint),
      options,
    });
  }
}

/** A `.pub` file ends in a newline, which the server would refuse. */
function oneLine(params: AddSshKeyParams): AddSshKeyParams {
  return { ...params, publicKey: params.publicKey.trim() };
}

function pathOf(vm: VmRef, ...rest: readonly string[]): string {
  return joinPath("v1", "vms", vmIdOf(vm), "ssh-keys", ...rest);
}
