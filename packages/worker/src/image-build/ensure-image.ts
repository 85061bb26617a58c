/** An image of a registry as one that VMs boot: its root file system is made of the layers. */
import { createHash } from "node:crypto";
import type { ImageOwner } from "@fastvm/contract";
import type { Image } from "../image/image.ts";
import { commandDefaults } from "../images/manifest/command-defaults.ts";
import { buildRoot } from "./build-root.ts";
import { derivedImage } from "./derived-image.ts";
import type { ImageContext, MadeRoot } from "./derived-image.ts";

/** Goes up when the way roots are made changes what is in them. */
const RECIPE = 4;

/** `image`: as the image store takes it. Rejects with `not_found` for one that is not here, with `image_invalid` for one that cannot be. */
export async function ensureImage(
  context: ImageContext,
  image: string,
  owner?: ImageOwner,
  signal = context.ending,
): Promise<Image> {
  const { digest, start } = await context.images.findToUse(image, owner);
  const name = createHash("sha256")
    .update(JSON.stringify({ recipe: RECIPE, base: context.image.digest, manifest: digest }))
    .digest("hex");
  const make = (own: ImageContext, path: string) => makeOfLayers(own, { digest, name, path });
  // Of its name, not of what it is made of.
  return { ...(await derivedImage(context, { name, make }, signal)), start };
}

async function makeOfLayers(
  { image, images, ...context }: ImageContext,
  { digest, name, path }: { readonly digest: string; readonly name: string; readonly path: string },
): Promise<MadeRoot> {
  // While it is used its layers stay, whoever takes its name away.
  const commands = await images.use(digest, async (layers) => {
    // First, since it may say that no command could be started.
    const found = commandDefaults(await images.settingsOf(digest));
    const order = { layers, diskGib: image.diskGib, digest: name, path };
    await buildRoot({ ...context, image }, order, context.ending);
    return found;
  });
  return { commands, manifestDigest: digest };
}
