/** What the kernel offers, the image can use: in a fresh VM of the base image, by the commands that one finds in documents. */
import { describe, expect, test } from "vitest";
import { freshVm } from "../harness/fresh-vm.ts";

/** A file system in user space in 40 lines of Python, which speaks the protocol of /dev/fuse itself: one file that says hello. */
const HELLO_FUSE = `
import ctypes, os, stat, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"hello", b"/mnt", b"fuse", 0, options) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
open("/run/hello-mounted", "w").close()
TEXT = b"hello from user space\\n"
def attributes(node):
    mode, size = (stat.S_IFDIR | 0o755, 0) if node == 1 else (stat.S_IFREG | 0o444, len(TEXT))
    return struct.pack("<6Q10I", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
while True:
    request = os.read(fd, 1 << 17)
    length, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    error, answer = 0, b""
    if opcode == 26: answer = struct.pack("<IIIIHHIIHH8I", 7, 31, 65536, 0, 1, 1, 1 << 16, 1, 1, 0, *[0] * 8)
    elif opcode == 1: answer = struct.pack("<4QII", 2, 0, 1, 1, 0, 0) + attributes(2)
    elif opcode == 3: answer = struct.pack("<QII", 1, 0, 0) + attributes(node)
    elif opcode in (14, 27): answer = struct.pack("<QII", 0, 0, 0)
    elif opcode == 15: answer = TEXT if struct.unpack_from("<Q", request, 48)[0] == 0 else b""
    elif opcode in (2, 42): continue
    elif opcode not in (18, 25, 29): error = -38
    os.write(fd, struct.pack("<IiQ", 16 + len(answer), error, unique) + answer)
`;

const UNIT = `[Service]
ExecStart=/bin/sh -c 'echo "$GREETING" > /root/greeted; exec sleep infinity'
Environment=GREETING=hello
DynamicUser=no
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths=/root
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
`;

describe("in a fresh VM of the base image", () => {
  const fresh = freshVm("c1m2", "kernel");

  const run = (command: string): Promise<string> => fresh.sh(command);

  test("a unit is installed, hardened, started again when it dies, and enabled", async () => {
    await run(`cat > /etc/systemd/system/greet.service <<'END'\n${UNIT}END`);
    await run("systemctl daemon-reload && systemctl enable --now greet.service");
    const pid = await run("systemctl show -P MainPID greet");
    expect(await run("until [ -e /root/greeted ]; do sleep 0.1; done; cat /root/greeted")).toBe("hello");
    await run(
      `kill -9 ${pid}; until systemctl is-active -q greet && [ $(systemctl show -P MainPID greet) != ${pid} ]; do sleep 0.2; done`,
    );
    expect(
      await run("systemctl is-enabled greet; journalctl -u greet --no-pager | grep -c 'Started greet'"),
    ).toMatch(/^enabled\n[1-9]/);
  });

  test("a transient unit runs with limits, and a timer fires", async () => {
    expect(
      await run("systemd-run -q --wait --pipe -p MemoryMax=64M -p CPUQuota=50% -p TasksMax=10 echo limited"),
    ).toBe("limited");
    await run("systemd-run -q --on-active=1s --timer-property=AccuracySec=100ms touch /root/fired");
    await run("for i in $(seq 300); do [ -e /root/fired ] && exit 0; sleep 0.1; done; exit 1");
  });

  test("overlays, loops and temporary file systems are mounted", async () => {
    await run("cd /tmp && mkdir -p o/lower o/upper o/work o/merged && echo low > o/lower/file");
    // The upper layer on a file system of its own: the root is one as well.
    await run(
      "mount -t overlay overlay -o lowerdir=/tmp/o/lower,upperdir=/tmp/o/upper,workdir=/tmp/o/work " +
        "/tmp/o/merged && echo high > /tmp/o/merged/file",
    );
    expect(await run("cat /tmp/o/lower/file /tmp/o/upper/file; umount /tmp/o/merged")).toBe("low\nhigh");
    await run(
      "truncate -s 32M /tmp/disk && mkfs.ext4 -q /tmp/disk && mkdir -p /tmp/loop && " +
        "mount /tmp/disk /tmp/loop && touch /tmp/loop/there && umount /tmp/loop",
    );
  });

  test("a file system in user space is mounted and read", async () => {
    await run(
      `cat > /root/hello.py <<'END'\n${HELLO_FUSE}END\npython3 /root/hello.py > ` +
        "/root/hello.log 2>&1 & until [ -e /run/hello-mounted ]; do sleep 0.1; done",
    );
    expect(await run("cat /mnt/hello")).toBe("hello from user space");
    await run("umount /mnt");
  });

  test("a user who is not root makes namespaces of his own, and is root in them", async () => {
    const inside =
      "id -u; mount -t tmpfs tmpfs /mnt; touch /mnt/mine; ip link set lo up; ip -br link show lo | cut -c1-2; ps -e | wc -l";
    const lines = (
      await run(
        `cd / && setpriv --reuid 1000 --regid 1000 --clear-groups unshare -r -m -n -p -f --mount-proc sh -c '${inside}'`,
      )
    ).split("\n");
    expect(lines.slice(0, 2)).toEqual(["0", "lo"]);
    expect(Number(lines[2])).toBeLessThan(8);
  });

  test("bridges, virtual links, tunnels and address translation are made", async () => {
    await run(
      "ip netns add inner && ip link add br0 type bridge && ip link add v0 type veth peer name v1 netns inner && ip link set v0 master br0",
    );
    await run(
      "ip addr add 10.77.0.1/24 dev br0 && ip link set br0 up && ip link set v0 up && " +
        "ip -n inner addr add 10.77.0.2/24 dev v1 && ip -n inner link set v1 up",
    );
    await run("ip tuntap add dev tun9 mode tun && ip link del tun9");
    expect(await run("ping -c 1 -W 5 10.77.0.2 | grep -c 'bytes from'")).toBe("1");
    await run("ip netns del inner; ip link del br0");
  });

  test("commands in a terminal outlive who started them", async () => {
    await run("tmux new-session -d -s work 'echo from tmux > /root/tmux-ran; exec sleep 1000'");
    expect(
      await run("until [ -e /root/tmux-ran ]; do sleep 0.1; done; cat /root/tmux-ran; tmux ls | cut -d: -f1"),
    ).toBe("from tmux\nwork");
    await run("tmux kill-server");
  });
});
