"""Makes a folder, its argument, with every kind of file and name. Owners, capabilities and `trusted` attributes only as root."""

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
              "two\nlines", "-rf", "--help", "quote'\"\\$(x)", "*", "tab\t", "x" * 255]:
    write(name, name.encode())
write(b"not utf-8 \xff\xfe")
os.makedirs("deep/" + "/".join(["文" * 80] * 4))
os.makedirs("-folder\n/empty")
os.symlink("plain", "link")
os.symlink("nowhere at all", "dangling link")
os.symlink("deep", "link to folder")
os.link("plain", "-folder\n/hard link")
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
attribute("attributes", "user.comment", b"with \0 a zero, = and\nlines")
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
