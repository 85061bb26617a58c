/** `client.images`: images of registries that VMs are launched from. */
import type { ApiPromise } from "./http/api-promise.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";
import { joinPath } from "./http/path.ts";
import type { DeletedResource } from "./vms/vm.ts";

export interface Image {
  /** In full, with registry and tag: `docker.io/library/python:3.13-slim`. */
  readonly reference: string;
  /** `sha256:…`, of the manifest for the host's platform. */
  readonly digest: string;
  /** `linux/amd64`. */
  readonly platform: string;
  /** Of configuration and layers as they are kept, most of them compressed. */
  readonly sizeBytes: number;
  /** RFC 3339, with its zone. */
  readonly pulledAt: string;
  /** Brought by whoever runs the host, for all organisations. */
  readonly shared: boolean;
}

export interface ImageLayer {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

/** What its maker says of running it. A launch runs nothing of it. */
export interface ImageSettings {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly workdir: string;
  readonly user: string;
  /** `8080/tcp`. */
  readonly ports: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
}

export interface ImageDetails extends Image {
  /** The lowest first. */
  readonly layers: readonly ImageLayer[];
  readonly settings: ImageSettings;
}

export interface PullImageParams {
  /** As people write it: `python:3.13-slim`, `registry.example.com:5000/team/app@sha256:…`. */
  readonly reference: string;
  /** `if-missing` (default) asks nobody when it is here, `always` asks what the name means now, `never` asks nobody at all. */
  readonly policy?: "if-missing" | "always" | "never" | undefined;
  /** With `password`, for this pull alone; default: the organisation's login (`client.registries`). */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** One answer of a pull. */
interface ImagePull {
  readonly status: "ready" | "pulling";
  readonly reference: string;
  readonly image?: Image;
}

export class Images {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** The organisation's own, and those that are for all. */
  list(options?: RequestOptions): ApiPromise<readonly Image[]> {
    return this.#http.json({ method: "GET", path: "/v1/images", options });
  }

  /** Resolves when all of it is on the host, however long that takes. `options.timeout` is that of one request; end it by `signal`. */
  async pull(params: PullImageParams, options?: RequestOptions): Promise<Image> {
    for (;;) {
      const { image } = await this.#http.json<ImagePull>({
        method: "POST",
        path: "/v1/images/pull",
        body: params,
        attempts: "retried",
        options,
      });
      // Each answer waits for the pull for a while: there is no need to wait here.
      if (image !== undefined) return image;
    }
  }

  /** By reference, digest, or the first characters of one. Throws NotFoundError. */
  retrieve(image: string, options?: RequestOptions): ApiPromise<ImageDetails> {
    return this.#http.json({ method: "GET", path: pathOf(image), options });
  }

  /** VMs and snapshots stay as they are. */
  delete(image: string, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(image), options });
  }
}

function pathOf(image: string): string {
  return joinPath("v1", "images", image);
}
