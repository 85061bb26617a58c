/** Tells of each answer under the name of its operation, which its route has. */
import type { FastifyInstance } from "fastify";
import type { AnsweredRequest } from "../answered-request.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of an API's table. */
    readonly operation?: {
      readonly api: string;
      readonly name: string;
      /** Whether it changes nothing but what is in a VM or on a volume. */
      readonly isInVm: boolean;
      /** Whether it is asked every few seconds, for no client. */
      readonly isProbe: boolean;
    };
  }
}

const NO_OPERATION = { api: "none", name: "other" };

export function tellAnswered(app: FastifyInstance, tell: (answered: AnsweredRequest) => void): void {
  app.addHook("onResponse", (request, reply, done) => {
    const { api, name } = request.routeOptions.config.operation ?? NO_OPERATION;
    tell({ api, operation: name, status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
    done();
  });
}
