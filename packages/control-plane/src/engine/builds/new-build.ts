/** What is to be built, in nobody's words. Its secrets live in this process alone: a record has none of them. */
import type { BuildOrder, ImageStart, MachineType } from "@fastvm/contract";
import type { StagingHolder } from "../../staging/staging-holder.ts";
import type { WrittenNetwork } from "../../store/vm-settings.ts";

type RegistryLogin = NonNullable<BuildOrder["credentials"]>[number];

export interface NewBuild {
  readonly source: ImageSource | DockerfileSource;
  /** Of who must know it before; else one is made up. */
  readonly id?: string | undefined;
  /** Of the snapshot, normalised; empty for the default. */
  readonly name: string;
  readonly machine: MachineType;
  readonly diskGib: number;
  /** Under which the organisation finds the image later. */
  readonly tag: string | undefined;
  /** What commands of the build may reach; the snapshot has it too. Absent: what VMs have. */
  readonly network: WrittenNetwork | undefined;
  /** Of an image that it makes: what runs already in what is captured, and in every VM of the image. */
  readonly start?: ImageStart | undefined;
}

interface ImageSource {
  readonly kind: "image";
  readonly reference: string;
  readonly credentials: Pick<RegistryLogin, "username" | "password"> | undefined;
}

export interface DockerfileSource {
  readonly kind: "dockerfile";
  readonly dockerfile: { readonly text: string } | { readonly path: string };
  /** Shown, and nothing else. */
  readonly image: string | undefined;
  readonly context: ContextObject | undefined;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly credentials: readonly RegistryLogin[];
  readonly noCache: boolean;
}

/** Of the staging area. */
export interface ContextObject {
  readonly holder: StagingHolder;
  readonly objectId: string;
}
