/** An image as the API shows it: whose it is only so far as the caller's own and everybody's differ. */
import type { HeldImage, Image, ImageDetails, ImageDetailsView } from "@fastvm/contract";
import { timestamp } from "./timestamp.ts";

export function imageView({ reference, digest, platform, sizeBytes, pulledAtMs, owner }: HeldImage): Image {
  const shared = owner === "everybody";
  return { reference, digest, platform, sizeBytes, pulledAt: timestamp(pulledAtMs), shared };
}

export function imageDetailsView({ layers, settings, ...image }: ImageDetails): ImageDetailsView {
  const { entrypoint, cmd, env, workdir, user, ports, labels, stopSignal } = settings;
  return {
    ...imageView(image),
    layers: layers.map(({ digest, mediaType, sizeBytes }) => ({ digest, mediaType, sizeBytes })),
    settings: {
      entrypoint: [...entrypoint],
      cmd: [...cmd],
      env: [...env],
      workdir,
      user,
      ports: [...ports],
      labels: { ...labels },
      stopSignal,
    },
  };
}
