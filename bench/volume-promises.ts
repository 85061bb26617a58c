/** What docs/SPECIFICATION.md promises of files on volumes, held against the VM's own disk in the same run. */
import { MOVED_MIB, type FileWork } from "./measure/volumes.ts";
import type { Promised } from "./promised.ts";

const MS_PER_SECOND = 1_000;

interface Bound {
  readonly figure: string;
  /** Times what the VM's own disk takes. */
  readonly factor: number;
  readonly beside?: Promised["beside"];
}

const mibPerSecond = (ms: number | undefined) =>
  ms === undefined ? "–" : `${((MOVED_MIB * MS_PER_SECOND) / ms).toFixed(0)} MiB/s`;

const BOUNDS: Readonly<Record<FileWork, Bound>> = {
  write: {
    figure: `${MOVED_MIB} MiB written to a volume and fsync'ed, p50`,
    factor: 4,
    beside: ({ volume_write_ms_p50: ms, link_in_ms_p50: link }) =>
      `${mibPerSecond(ms)}; an upload by the link: ${mibPerSecond(link)}`,
  },
  read: {
    figure: `${MOVED_MIB} MiB read from a volume, p50`,
    factor: 4,
    beside: ({ volume_read_ms_p50: ms, link_out_ms_p50: link }) =>
      `${mibPerSecond(ms)}; a download by the link: ${mibPerSecond(link)}`,
  },
  randomRead: { figure: "256 blocks of 4 KiB read at random, p50", factor: 4 },
  // Each is the host's when it returns, while the VM's own disk takes all of them into the guest's memory.
  randomWrite: { figure: "256 blocks of 4 KiB written at random, then fsync'ed, p50", factor: 10 },
  names: { figure: "200 files made, looked at, renamed and removed, p50", factor: 10 },
  gitStatus: { figure: "`git status` of 20,000 files, p50", factor: 10 },
};

/** In a VM that cannot be captured, beside that VM's own disk: its kernel is another. */
const byNinep = (work: FileWork): Promised => ({
  figure: "the same by QEMU's 9p, without migration, beside its VM's own disk",
  bound: "–",
  measure: "volumes",
  unit: "ms",
  measured: `ninep_${work}_ms_p50`,
  floor: `ninep_disk_${work}_ms_p50`,
  limit: () => undefined,
  isReference: true,
  cost: "it is QEMU's",
});

export const VOLUME_PROMISES: readonly Promised[] = [
  ...(Object.entries(BOUNDS) as readonly (readonly [FileWork, Bound])[]).flatMap(
    ([work, { figure, factor, beside }]): readonly Promised[] => [
      {
        figure,
        bound: `≤ ${factor} × the VM's own disk`,
        measure: "volumes",
        unit: "ms",
        measured: `volume_${work}_ms_p50`,
        floor: `own_disk_${work}_ms_p50`,
        limit: ({ [`own_disk_${work}_ms_p50` as const]: own }) =>
          own === undefined ? undefined : factor * own,
        ...(beside === undefined ? {} : { beside }),
        cost: "each request goes through the guest's kernel, its agent, QEMU's port and the server, and no content is kept in the guest",
      },
      byNinep(work),
    ],
  ),
  {
    figure: "pause of a VM that has a volume, in a snapshot, p50",
    bound: "≤ 1.3 × that of one without",
    measure: "volumes",
    unit: "ms",
    measured: "volume_pause_ms_p50",
    floor: "volume_pause_without_ms_p50",
    limit: ({ volume_pause_without_ms_p50: without }) => (without === undefined ? undefined : 1.3 * without),
    cost: "the server is frozen before the guest is stopped",
  },
];
