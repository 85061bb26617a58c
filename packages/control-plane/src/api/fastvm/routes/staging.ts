/** The staging URLs themselves. They are not operations of the API: no key, no JSON, bodies of any size. */
import type { FastvmScope } from "../fastvm-scope.ts";

export function registerStaging({ scope, engine }: FastvmScope): void {
  scope.route({
    method: ["PUT", "GET", "HEAD"],
    url: "/staging/:vmId/:objectId",
    // Before anything looks at the body: it may be gigabytes, and is nobody's business but the disk's.
    onRequest: async (request, reply) => {
      reply.hijack();
      await engine.files.serve(request.raw, reply.raw);
    },
    handler: async () => undefined,
  });
}
