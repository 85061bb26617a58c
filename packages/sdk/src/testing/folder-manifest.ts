/**
 * For tests: a folder with every kind of file and name, and a list of what a folder holds that
 * can be compared. Both are Python's, which knows attributes and holes and runs in a VM too.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Takes the folder to make. Owners, capabilities and `trusted` attributes only as root. */
const MAKE_EVERY_KIND = `
import os, struct, sys
os.umask(0o22)
root = os.fsencode(sys.argv[1])
os.makedirs(root)
os.chdir(root)
is_root = os.geteuid() == 0
def write(name, data=b"x"):
    with open(name, "wb") as file: file.write(data)
def attribute(name, key, value):
    os.setxattr(name, key, value)
for name in ["plain", "größe", "имя", "名前", "اسم", "नाम", " a  b ",
              "two\\nlines", "-rf", "--help", "quote'\\"\\\\$(x)", "*", "tab\\t", "x" * 255]:
    write(name, name.encode())
write(b"not utf-8 \\xff\\xfe")
os.makedirs("deep/" + "/".join(["文" * 80] * 4))
os.makedirs("-folder\\n/empty")
os.symlink("plain", "link")
os.symlink("nowhere at all", "dangling link")
os.symlink("deep", "link to folder")
os.link("plain", "-folder\\n/hard link")
os.mkfifo("pipe", 0o620)
write("set uid"); os.chmod("set uid", 0o4755)
write("set gid"); os.chmod("set gid", 0o2751)
write("unreadable"); os.chmod("unreadable", 0o000 if is_root else 0o400)
write("world"); os.chmod("world", 0o666)
os.mkdir("sticky"); os.chmod("sticky", 0o3777)
with open("holes", "wb") as file:
    file.truncate(1 << 30)
    for at in (0, 5 << 20, (1 << 30) - 4096): file.seek(at); file.write(b"data" * 1024)
with open("only a hole", "wb") as file: file.truncate(1 << 24)
write("zeros", bytes(1 << 16))
write("attributes")
attribute("attributes", "user.comment", b"with \\0 a zero, = and\\nlines")
attribute("attributes", "user.empty", b"")
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in
    [(1, 6, 0xffffffff), (2, 4, 1234), (4, 4, 0xffffffff), (16, 6, 0xffffffff), (32, 4, 0xffffffff)])
write("access list"); os.chmod("access list", 0o664)
attribute("access list", "system.posix_acl_access", acl)
if is_root:
    write("owned"); os.chown("owned", 1234, 54321)
    os.lchown("dangling link", 7, 8)
    write("set uid of another"); os.chown("set uid of another", 33, 33); os.chmod("set uid of another", 0o6711)
    write("capability"); attribute("capability", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    attribute("attributes", "trusted.comment", b"t")
    os.mkdir("owned folder", 0o750); os.chown("owned folder", 1000, 1001); attribute("owned folder", "user.folder", b"yes")
step = 0
for folder, folders, files in os.walk(b".", topdown=False):
    for name in sorted(files + folders) + ([b""] if folder == b"." else []):
        step += 1
        time = 1_234_567_890_000_000_000 + step * 86_400_123_456_789
        os.utime(os.path.join(folder, name), ns=(time, time), follow_symlinks=False)
`;

/**
 * Takes a folder; prints a JSON list with a line of facts for each thing in it. Where its
 * data lie says more than how many blocks: file systems count their own too.
 */
export const LIST_MANIFEST = `
import errno, hashlib, json, os, stat, sys
os.chdir(os.fsencode(sys.argv[1]))
def data_of(path, size):
    digest, extents, at = hashlib.sha256(), [], 0
    file = os.open(path, os.O_RDONLY)
    while at < size:
        try: start = os.lseek(file, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO: break
            raise
        at = os.lseek(file, start, os.SEEK_HOLE)
        extents.append([start, at])
        digest.update(os.pread(file, at - start, start))
    os.close(file)
    return digest.hexdigest(), extents
paths = [b"."]
for folder, folders, files in os.walk(b"."):
    paths += [os.path.join(folder, name) for name in folders + files]
first, facts = {}, []
for path in sorted(paths):
    info = os.lstat(path)
    is_file = stat.S_ISREG(info.st_mode)
    facts.append({
        "path": path.decode("utf-8", "backslashreplace"), "mode": oct(info.st_mode), "owner": [info.st_uid, info.st_gid],
        "time": str(info.st_mtime_ns),
        "size": info.st_size if is_file else None,
        "same": None if stat.S_ISDIR(info.st_mode) else
            first.setdefault((info.st_dev, info.st_ino), path).decode("utf-8", "backslashreplace"),
        "link": os.readlink(path).decode() if stat.S_ISLNK(info.st_mode) else None,
        "data": data_of(path, info.st_size) if is_file else None,
        "attributes": {key: os.getxattr(path, key, follow_symlinks=False).hex()
            for key in sorted(os.listxattr(path, follow_symlinks=False))},
    })
print(json.dumps(facts))
`;

export interface Fact {
  readonly path: string;
  /** Nanoseconds since 1970. */
  readonly time: string;
  /** Hash of the bytes that are there, and from where to where they lie. */
  readonly data: readonly [string, readonly (readonly [number, number])[]] | null;
  readonly attributes: Readonly<Record<string, string>>;
}

export async function makeEveryKind(folder: string): Promise<void> {
  await promisify(execFile)("python3", ["-c", MAKE_EVERY_KIND, folder]);
}

export async function manifestOf(folder: string): Promise<readonly Fact[]> {
  const { stdout } = await promisify(execFile)("python3", ["-c", LIST_MANIFEST, folder]);
  return JSON.parse(stdout) as Fact[];
}
