/** What people and their tools take for granted of a Linux machine, in a fresh VM of the base image. */
import { describe, expect, test } from "vitest";
import { freshVm } from "../harness/fresh-vm.ts";
import { sh } from "../harness/guest.ts";

/** By the C library, as sudo, Java and MPI do; and by what a static program reads. */
const RESOLVES_OWN_NAME =
  `python3 -c 'import socket; name = socket.gethostname(); print(name, socket.getaddrinfo(name, 22)[0][4][0])'; ` +
  `grep -c "^127.0.1.1 $(hostname) " /etc/hosts`;

const MANY_FILES = 30_000;
/** The kernel would let so small a machine watch some 16,000 by itself: how many it was told to let, the test of limits looks up. */
const MANY_FOLDERS = 4_000;

/** A watcher of a tree, as bundlers and editors are: one inotify watch for each folder. */
const WATCH_TREE = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
root = "/root/tree"
for a in range(${MANY_FOLDERS} // 100):
    for b in range(100):
        os.makedirs(f"{root}/{a}/{b}")
fd = libc.inotify_init1(0)
assert fd >= 0, os.strerror(ctypes.get_errno())
watches = 0
for folder, _, _ in os.walk(root):
    assert libc.inotify_add_watch(fd, folder.encode(), 0x100) >= 0, os.strerror(ctypes.get_errno())
    watches += 1
open(f"{root}/{a}/{b}/new", "w").close()
print(watches >= ${MANY_FOLDERS}, os.read(fd, 4096)[16:].rstrip(b"\\0").decode())
`;

/** A package of one module; building it by setuptools takes an emulated guest half a minute. */
const MAKE_WHEEL = `
import zipfile
with zipfile.ZipFile("/root/answer-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("answer.py", "value = 42\\n")
    info = "answer-1.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: answer\\nVersion: 1\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "".join(f"{name},,\\n" for name in wheel.namelist()))
`;

describe("a fresh VM of the base image", () => {
  const fresh = freshVm("c1m2", "fresh");

  test("has started all that it starts before anyone gets it", async () => {
    expect(await fresh.sh("systemctl is-system-running")).toBe("running");
  });

  test("resolves its own name, as launched, restored and forked, and keeps its user's lines", async () => {
    expect(await fresh.sh(RESOLVES_OWN_NAME)).toBe("fresh 127.0.1.1\n1");
    expect(await fresh.sh("sudo -n true 2>&1")).toBe("");
    await fresh.sh("echo '10.1.2.3 database' >> /etc/hosts; chmod 600 /etc/hosts");
    const snapshot = await fresh.client.snapshots.create({ vmId: fresh.vm.id });
    const restored = await fresh.client.vms.launch({
      snapshotId: snapshot.id,
      name: "restored-by-a-longer-name",
    });
    const { children } = await fresh.client.vms.fork(fresh.vm, { count: 1, names: ["f"] });
    const forked = children[0]?.vm;
    if (forked === undefined) throw new Error("the fork has no child");
    for (const [other, name] of [
      [restored, "restored-by-a-longer-name"],
      [forked, "f"],
    ] as const) {
      expect(await sh(fresh.client, other, RESOLVES_OWN_NAME)).toBe(`${name} 127.0.1.1\n1`);
      expect(await sh(fresh.client, other, "getent hosts database; stat -c %a /etc/hosts")).toMatch(
        /^10\.1\.2\.3 .*database\n600$/,
      );
      await fresh.client.vms.delete(other);
    }
  });

  test("resolves the names it is given from inside, and those below localhost", async () => {
    await fresh.sh("hostname renamed");
    expect(await fresh.sh("getent ahostsv4 renamed | head -n 1 | cut -d' ' -f1")).toBe("192.0.0.2");
    await fresh.sh("hostname fresh");
    expect(await fresh.sh("getent hosts web.localhost")).toMatch(/^(::1|127\.0\.0\.1) /);
  });

  test("lets commands, shells over SSH and the console open files by the ten thousand", async () => {
    const open = `python3 -c 'print(len([open("/etc/passwd") for _ in range(${MANY_FILES})]))'`;
    expect(await fresh.sh(open)).toBe(`${MANY_FILES}`);
    const keys =
      "mkdir -p -m 700 .ssh; ssh-keygen -q -t ed25519 -N '' -f .ssh/id; cat .ssh/id.pub >> .ssh/authorized_keys";
    await fresh.sh(keys);
    const ssh =
      "ssh -i .ssh/id -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR root@127.0.0.1";
    expect(await fresh.sh(`${ssh} 'ulimit -Sn; ulimit -u'`)).toBe("65536\nunlimited");
    expect(await fresh.sh("sudo -u nobody bash -c 'ulimit -Sn; ulimit -u'")).toBe("65536\nunlimited");
  });

  test("lets a watcher watch a large tree", async () => {
    expect(await fresh.sh(`python3 - <<'END'\n${WATCH_TREE}\nEND`)).toBe("True new");
  });

  test("has the limits that databases and search engines ask for", async () => {
    const names =
      "vm.max_map_count fs.inotify.max_user_instances fs.inotify.max_user_watches kernel.threads-max";
    expect(await fresh.sh(`sysctl -n ${names}`)).toBe("1048576\n8192\n1048576\n262144");
  });

  test("compiles, queries, archives and copies", async () => {
    const program = "#include <iostream>\nint main() { std::cout << 6 * 7; }\n";
    await fresh.sh(`mkdir -p /root/c && cd /root/c && cat > answer.cc <<'END'\n${program}END`);
    expect(await fresh.sh("cd /root/c && make -s answer && ./answer")).toBe("42");
    expect(
      await fresh.sh(
        "cd /root/c && rsync -a answer.cc copy.cc && zip -q a.zip copy.cc && unzip -l a.zip | grep -c copy",
      ),
    ).toBe("1");
    expect(await fresh.sh(`echo '{"a": [1, 2]}' | jq -c .a`)).toBe("[1,2]");
  });

  test("has pip install for all, by a setting that its owner can read", async () => {
    await fresh.sh(`python3 - <<'END'\n${MAKE_WHEEL}\nEND`);
    expect(await fresh.sh("pip install -q --no-index /root/answer-1-py3-none-any.whl 2>&1")).toBe("");
    expect(await fresh.sh("python3 -c 'import answer; print(answer.value)'")).toBe("42");
  });

  // Where cron begins after the minute that was meant, the next one comes.
  test("runs what its users schedule", { timeout: 300_000 }, async () => {
    await fresh.sh("echo '* * * * * echo ran > /root/cron-ran' | crontab -");
    const schedule =
      "date -s '2030-01-01 00:00:58' > /dev/null; systemctl restart cron; " +
      "for i in $(seq 600); do [ -e /root/cron-ran ] && break; sleep 0.2; done";
    expect(await fresh.sh(`${schedule}; cat /root/cron-ran`)).toBe("ran");
  });

  test("has no setting of ours in apt, nor one that has packages come without their files", async () => {
    expect(
      await fresh.sh("apt-config dump | grep -E '^APT::(Install-Recommends|Keep-Downloaded)' | sort"),
    ).toBe('APT::Install-Recommends "1";');
    expect(await fresh.sh("cat /etc/dpkg/dpkg.cfg.d/* | grep -c path-exclude || true")).toBe("0");
    // Into which the scripts of some, Java's among them, link before any package has made it.
    expect(await fresh.sh("ls -d /usr/share/man/man[1-8] | wc -l")).toBe("8");
  });

  test("has no link out of the folders that people download", async () => {
    const folders = "/var/log /root /home /srv /opt /tmp";
    const find = `for f in ${folders}; do find $f -type l -printf '%p %l\\n'; done`;
    expect(await fresh.sh(find)).toBe("");
  });
});
