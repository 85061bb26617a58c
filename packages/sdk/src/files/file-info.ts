/** What `client.vms.files` tells of a file, a folder or a link. */
export interface FileInfo {
  /** Absolute. */
  readonly path: string;
  /** Its last part. */
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "other";
  readonly sizeBytes: number;
  /** Octal permission bits: `0644`. */
  readonly mode: string;
  readonly modifiedAt: string;
  readonly uid: number;
  readonly gid: number;
  /** Of a symlink: what it says, which may lead nowhere. */
  readonly linkTarget?: string;
}
