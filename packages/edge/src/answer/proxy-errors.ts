/** What the proxy answers by itself, apart from any service. The code is in the body and in the header `x-fastvm-proxy-error`. */
import { FastvmError, type ProxyErrorCode } from "@fastvm/contract";

export class ProxyError extends FastvmError {
  declare readonly code: ProxyErrorCode;

  constructor(code: ProxyErrorCode, detail?: string, options: { cause?: unknown } = {}) {
    super(code, detail, options);
    this.name = "ProxyError";
  }
}
