/** A service: a name under which one TCP port of a VM is reached through the platform's proxy. */
export interface Service {
  readonly name: string;
  readonly port: number;
  /** The proxy speaks cleartext HTTP/2 to the VM; gRPC needs it. */
  readonly h2c: boolean;
}

/** With `--` and 32 hexadecimal digits of the VM's id it must fit one DNS label of 63. */
export const MAX_SERVICE_NAME_LENGTH = 29;
export const MAX_SERVICES = 16;
/** Ports below belong to the system inside the VM. */
export const MIN_SERVICE_PORT = 1024;
