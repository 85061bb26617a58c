/** What the proxy answers by itself, apart from any service. The code is in the body and in the header `x-fastvm-proxy-error`. */

export interface ProxyErrorEntry {
  readonly status: number;
  readonly message: string;
  readonly retryable: boolean;
  readonly suggestedAction?: string;
}

export const PROXY_ERRORS = {
  invalid_request: {
    status: 400,
    message: "The request is not clear enough to be passed on",
    retryable: false,
  },
  host_not_found: {
    status: 404,
    message: "This names no service",
    retryable: false,
    suggestedAction: "Use the URL that the service's record shows",
  },
  machine_not_found: {
    status: 404,
    message: "There is no such VM",
    retryable: false,
    suggestedAction: "List the VMs to see what exists",
  },
  service_not_found: {
    status: 404,
    message: "The VM has no service of this name",
    retryable: false,
    suggestedAction: "Register the service with POST /v1/vms/{id}/services",
  },
  service_unreachable: {
    status: 502,
    message: "The service accepts no connections",
    retryable: true,
    suggestedAction: "See that a program in the VM listens on the service's port",
  },
  service_bad_answer: {
    status: 502,
    message: "The service broke off or gave an answer that is not HTTP",
    retryable: false,
    suggestedAction: "See that the service speaks HTTP/1.1, or HTTP/2 where its h2c is true",
  },
  machine_not_running: {
    status: 503,
    message: "The VM does not run",
    retryable: false,
    suggestedAction: "Look at the VM's status",
  },
  machine_not_ready: {
    status: 503,
    message: "The VM does not run yet",
    retryable: true,
  },
  machine_paused_auto_resume_disabled: {
    status: 503,
    message: "The VM is paused, and requests do not wake it",
    retryable: false,
    suggestedAction: "Resume the VM, or set its autoResume to true",
  },
  machine_resume_timeout: {
    status: 503,
    message: "The VM did not wake in time",
    retryable: true,
    suggestedAction: "Try again; it may be awake by then",
  },
  machine_resume_failed: {
    status: 503,
    message: "The VM could not be woken",
    retryable: true,
    suggestedAction: "Resume the VM through the API to see why",
  },
  too_many_connections: {
    status: 503,
    message: "There are as many connections as there may be",
    retryable: true,
  },
  records_unavailable: {
    status: 503,
    message: "Which service this is cannot be looked up now",
    retryable: true,
    suggestedAction: "Try again; the VM runs on",
  },
  service_timeout: {
    status: 504,
    message: "The service did not answer in time",
    retryable: true,
  },
  internal: {
    status: 500,
    message: "Something went wrong in the proxy",
    retryable: false,
  },
} as const satisfies Record<string, ProxyErrorEntry>;

export type ProxyErrorCode = keyof typeof PROXY_ERRORS;

export class ProxyError extends Error {
  readonly code: ProxyErrorCode;

  constructor(code: ProxyErrorCode, detail?: string, options: { cause?: unknown } = {}) {
    const { message } = PROXY_ERRORS[code];
    super(detail === undefined ? message : `${message}: ${detail}`, options);
    this.name = "ProxyError";
    this.code = code;
  }

  get entry(): ProxyErrorEntry {
    return PROXY_ERRORS[this.code];
  }
}
