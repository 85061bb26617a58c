/** Images of registries that the caller's organisation has. */
import { FastvmError, type PullImageBody, type PullOrder } from "@fastvm/contract";
import type { ImagePullOrder } from "../../../engine/engine.ts";
import type { FastvmScope } from "../fastvm-scope.ts";
import { imageDetailsView, imageView } from "../views/image-view.ts";

export function registerImages({ routes, engine }: FastvmScope): void {
  routes.serve("listImages", async (_call, caller) => ({
    status: 200,
    body: (await engine.images.list(caller)).map(imageView),
  }));
  routes.serve("pullImage", async ({ body }, caller) => {
    const { reference, image } = await engine.images.pull(caller, orderOf(body));
    return image === undefined
      ? { status: 202, body: { status: "pulling", reference } }
      : { status: 200, body: { status: "ready", reference, image: imageView(image) } };
  });
  routes.serve("getImage", async ({ params: { image } }, caller) => ({
    status: 200,
    body: imageDetailsView(await engine.images.inspect(caller, image)),
  }));
  routes.serve("deleteImage", async ({ params: { image } }, caller) => {
    await engine.images.remove(caller, image);
    return { status: 200, body: { id: image, deleted: true } };
  });
}

function orderOf({ reference, policy, username, password }: PullImageBody): ImagePullOrder {
  const [user, secret] = [username ?? undefined, password ?? undefined];
  if ((user === undefined) !== (secret === undefined)) {
    throw new FastvmError("invalid_request", "a user name and a password go together", { field: "password" });
  }
  const credentials =
    user === undefined || secret === undefined ? undefined : { username: user, password: secret };
  // Checked by the schema.
  return { reference, policy: (policy ?? "if-missing") as PullOrder["policy"], credentials };
}
