/** FastVM's own API. */
import { OPERATIONS } from "@fastvm/contract";
import type { ApiDialect } from "../shared/api-dialect.ts";
import { OperationRoutes } from "../shared/operation-route.ts";
import { renderError } from "./errors.ts";
import { FASTVM, type FastvmApiOptions } from "./fastvm-scope.ts";
import { dialectOf } from "./firewall/render.ts";
import { registerRoutes } from "./routes/register-routes.ts";

export function fastvmApi(options: FastvmApiOptions): ApiDialect {
  return {
    ...FASTVM,
    operations: OPERATIONS,
    renderError,
    register: (scope, engine) => {
      const routes = new OperationRoutes({
        scope,
        keys: engine.keys,
        dialect: FASTVM,
        operations: OPERATIONS,
        notice: ({ headers }) => ({ dialect: dialectOf(headers) }),
      });
      registerRoutes({ ...options, scope, engine, routes });
    },
  };
}
