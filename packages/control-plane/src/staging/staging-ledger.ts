/**
 * How much is staged, of whom: what is finished, oldest first, and what uploads under way have
 * claimed. It chooses what may go when more is to come; the files themselves are others' to remove.
 */
import { FastvmError, type OrgId } from "@fastvm/contract";
import { organisationOf, type StagingHolder } from "./staging-holder.ts";

interface StagingOwner {
  readonly holder: StagingHolder;
  readonly orgId: OrgId;
}

/** What an upload may fill before it is finished. */
export interface Claim extends StagingOwner {
  readonly path: string;
  readonly vmLimitBytes: number;
  /** Of its VM's and organisation's share; all of an announced length. */
  bytes: number;
  /** Of the disk: never much more than was written, so that uploads which only announce hold up nobody. */
  diskBytes: number;
  writtenBytes: number;
}

interface StagedFile extends StagingOwner {
  readonly path: string;
  readonly bytes: number;
  readonly finishedAtMs: number;
  /** From its beginning to its end, since it was asked for last: what it was staged for is done. */
  wasRead: boolean;
  /** Somebody works on it, and removes it. */
  isTaken: boolean;
}

/**
 * Of one VM: a file costs an inode and a block however small it is. A client that sends a
 * tree file by file has each read before the next, and what was read makes way.
 */
const MAX_FILES_PER_VM = 4096;

interface Total {
  bytes: number;
  files: number;
}

export class StagingLedger {
  readonly #orgLimitBytes: number;
  readonly #finished = new Map<string, StagedFile>();
  readonly #claims = new Set<Claim>();
  readonly #totals = new Map<StagingHolder | OrgId, Total>();

  constructor(orgLimitBytes: number) {
    this.#orgLimitBytes = orgLimitBytes;
  }

  get(path: string): StagedFile | undefined {
    return this.#finished.get(path);
  }

  open(claim: Claim): void {
    this.#claims.add(claim);
    this.#count(claim, claim.bytes, 1);
  }

  grow(claim: Claim, bytes: number): void {
    claim.bytes += bytes;
    this.#count(claim, bytes, 0);
  }

  close(claim: Claim): void {
    if (this.#claims.delete(claim)) this.#count(claim, -claim.bytes, -1);
  }

  /** The upload is over, and what was there under its path is replaced. */
  finish(claim: Claim): void {
    const { holder, orgId, path, writtenBytes } = claim;
    this.close(claim);
    this.forget(path);
    this.#finished.set(path, {
      ...{ holder, orgId, path, bytes: writtenBytes },
      finishedAtMs: Date.now(),
      wasRead: false,
      isTaken: false,
    });
    this.#count(claim, writtenBytes, 1);
  }

  /** Of an earlier daemon, found on disk. */
  adopt(file: StagingOwner & { readonly path: string; readonly bytes: number }): void {
    this.#finished.set(file.path, { ...file, finishedAtMs: Date.now(), wasRead: false, isTaken: false });
    this.#count(file, file.bytes, 1);
  }

  /** It has another path from now on, and stays until whoever took it forgets it. */
  take(path: string, newPath: string): void {
    const file = this.#finished.get(path);
    if (file === undefined) return;
    this.#finished.delete(path);
    this.#finished.set(newPath, { ...file, path: newPath, isTaken: true });
  }

  forget(path: string): void {
    const file = this.#finished.get(path);
    if (file === undefined) return;
    this.#finished.delete(path);
    this.#count(file, -file.bytes, -1);
  }

  /** Of the disk, claimed but not on it yet. */
  outstandingBytes(): number {
    let bytes = 0;
    for (const claim of this.#claims) bytes += claim.diskBytes - claim.writtenBytes;
    return bytes;
  }

  filesOf(holder: StagingHolder): readonly StagedFile[] {
    return [...this.#finished.values()].filter((file) => file.holder === holder);
  }

  finishedBefore(timeMs: number): readonly StagedFile[] {
    return [...this.#finished.values()].filter((file) => file.finishedAtMs < timeMs && !file.isTaken);
  }

  /**
   * A file that has to go before the claim may grow by so much; `undefined` when it may grow now. Throws `quota_exceeded`
   * when it may not, whatever goes. What the upload replaces goes as well: whoever sends it anew has no use for it.
   */
  inTheWayOf(claim: Claim, bytes: number): StagedFile | undefined {
    const ofVm = this.#totalOf(claim.holder);
    if (ofVm.bytes + bytes > claim.vmLimitBytes || ofVm.files > MAX_FILES_PER_VM) {
      const file = this.#oldest((it) => it.holder === claim.holder && (it.wasRead || it.path === claim.path));
      if (file !== undefined) return file;
      throw refused(
        organisationOf(claim.holder) === undefined ? "VM" : "organisation's builds",
        ofVm,
        claim.vmLimitBytes,
        MAX_FILES_PER_VM,
      );
    }
    const ofOrg = this.#totalOf(claim.orgId);
    if (ofOrg.bytes + bytes > this.#orgLimitBytes) {
      const file = this.#oldest((it) => it.orgId === claim.orgId && (it.wasRead || it.path === claim.path));
      if (file !== undefined) return file;
      throw refused("organisation", ofOrg, this.#orgLimitBytes);
    }
    return undefined;
  }

  /** Whether the claim may grow by so much while everything stays. */
  fits(claim: Claim, bytes: number): boolean {
    const [ofVm, ofOrg] = [this.#totalOf(claim.holder), this.#totalOf(claim.orgId)];
    return ofVm.bytes + bytes <= claim.vmLimitBytes && ofOrg.bytes + bytes <= this.#orgLimitBytes;
  }

  /** For want of room on the disk: anybody's. */
  oldestRead(): StagedFile | undefined {
    return this.#oldest(({ wasRead }) => wasRead);
  }

  #totalOf(id: StagingHolder | OrgId): Total {
    return this.#totals.get(id) ?? { bytes: 0, files: 0 };
  }

  #oldest(isWanted: (file: StagedFile) => boolean): StagedFile | undefined {
    for (const file of this.#finished.values()) if (isWanted(file)) return file;
    return undefined;
  }

  #count({ holder, orgId }: StagingOwner, bytes: number, files: number): void {
    for (const id of [holder, orgId]) {
      const total = this.#totalOf(id);
      const next = { bytes: total.bytes + bytes, files: total.files + files };
      if (next.files === 0) this.#totals.delete(id);
      else this.#totals.set(id, next);
    }
  }
}

function refused(whose: string, total: Total, limitBytes: number, limitFiles?: number): FastvmError {
  const files = limitFiles === undefined ? "" : ` and ${total.files} of ${limitFiles} files`;
  return new FastvmError(
    "quota_exceeded",
    `${total.bytes} of ${limitBytes} bytes${files} are on their way for this ${whose} and nobody has read them yet`,
  );
}
