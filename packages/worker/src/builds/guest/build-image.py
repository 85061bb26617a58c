"""Makes an image of a Dockerfile with buildah: runs in a build VM alone, as all that it is given is a stranger's.

    build-image.py begin                  order on stdin; mounts the cache
    build-image.py unpack DISK BYTES FORMAT
    build-image.py bases                  prints the names of images that the Dockerfile needs
    build-image.py lacking                digests of manifests by those names on stdin; prints those that are not in the cache
    build-image.py take DISK              puts images that are on the disk into the cache
    build-image.py build                  prints what buildah prints, and at last on stderr how many steps there were
    build-image.py export                 layers of base images on stdin; writes an OCI layout as a tar without them
    build-image.py end                    ends all that is left, and lets go of the cache

What is wrong with the order is told by exit code 3 and its text on stderr.
"""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import build_context
import dockerfile
from build_log import Log
from dockerfile import Refused

RUN = "/run/fastvm-build"
TOOLS = f"{RUN}/tools"
ORDER = f"{RUN}/order.json"
DOCKERFILE = f"{RUN}/Dockerfile"
SECRETS = f"{RUN}/secrets"
BASES = f"{RUN}/bases.json"
IMAGE_ID = f"{RUN}/image-id"
CONTEXT = "/var/tmp/fastvm-context"
OUT = "/var/tmp/fastvm-out"
CACHE = "/var/lib/fastvm-build-cache"
# On the cache's disk: ids of base images by the digest of their manifest, and by the name that they were given last.
KNOWN = f"{CACHE}/bases.json"
RESULT = "fastvm.invalid/result:latest"
REFUSED = 3
MAX_DOCKERFILE_BYTES = 4 * 1024 * 1024
BLOCK_BYTES = 1024 * 1024
# Docker's, beyond those that buildah leaves to a command.
CAPABILITIES = "CAP_AUDIT_WRITE,CAP_MKNOD,CAP_NET_RAW"
# Commands see and signal what the build has started and nothing else, and all of that ends with it.
ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
END_TRIES = 50
END_SECONDS = 30
# Where buildah keeps containers, whose files have secrets while a command runs: in memory, so never on the cache's disk.
CONTAINERS = f"{CACHE}/storage/overlay-containers"
CONTAINERS_MIB = 64
LAYER_TYPES = {
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}

STORAGE = f"""[storage]
driver = "overlay"
graphroot = "{CACHE}/storage"
runroot = "{RUN}/storage"
"""
REGISTRIES = 'unqualified-search-registries = ["docker.io"]\n'


def read_json(path, default=None):
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        if default is None:
            raise
        return default


def write_json(path, content):
    with open(f"{path}.new", "w") as file:
        json.dump(content, file)
    os.replace(f"{path}.new", path)


def environment():
    return {
        "PATH": f"{TOOLS}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        # Each of its processes is over before it has used the memory that there is.
        "GOGC": "400",
        # Where caches of RUN --mount=type=cache are, too.
        "TMPDIR": f"{CACHE}/tmp",
        "CONTAINERS_STORAGE_CONF": f"{RUN}/storage.conf",
        "CONTAINERS_REGISTRIES_CONF": f"{RUN}/registries.conf",
    }


def buildah(*arguments):
    done = subprocess.run(["buildah", *arguments], env=environment(), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"buildah {arguments[0]}: {done.stderr[-2000:]}")
    return done.stdout


def begin():
    order = json.load(sys.stdin)
    os.makedirs(SECRETS, mode=0o700)
    secrets = order.pop("secrets")
    for index, name in enumerate(secrets):
        with open(f"{SECRETS}/{index}", "w", opener=private) as file:
            file.write(secrets[name])
    order["secrets"] = list(secrets)
    write_json(ORDER, order)
    os.makedirs(CONTEXT)
    os.makedirs(f"{CACHE}/tmp", exist_ok=True)
    os.makedirs(CONTAINERS, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={CONTAINERS_MIB}m,mode=700", "containers", CONTAINERS], check=True)
    for name, text in (("storage.conf", STORAGE), ("registries.conf", REGISTRIES)):
        with open(f"{RUN}/{name}", "w") as file:
            file.write(text)
    # The base image has neither.
    os.symlink(f"{TOOLS}/etc/containers", "/etc/containers")
    os.symlink(f"{TOOLS}/usr/share/containers", "/usr/share/containers")
    libraries = "usr/lib/x86_64-linux-gnu"
    for name in os.listdir(f"{TOOLS}/{libraries}"):
        if not os.path.lexists(f"/{libraries}/{name}"):
            os.symlink(f"{TOOLS}/{libraries}/{name}", f"/{libraries}/{name}")


def private(path, flags):
    return os.open(path, flags, 0o600)


def unpack(disk, size, kind):
    build_context.unpack(build_context.Slice(disk, int(size)), kind, CONTEXT)


def bases():
    order = read_json(ORDER)
    text = order["text"] if order["text"] is not None else dockerfile_in_context(order["path"])
    with open(DOCKERFILE, "w") as file:
        file.write(text)
    print(json.dumps(dockerfile.bases_of(text, order["args"], order["target"])))


def dockerfile_in_context(path):
    whole = os.path.realpath(os.path.join(CONTEXT, path))
    if not whole.startswith(CONTEXT + "/") or not os.path.isfile(whole):
        raise Refused(f"the context has no {path}")
    if os.path.getsize(whole) > MAX_DOCKERFILE_BYTES:
        raise Refused("the Dockerfile is larger than 4 MiB")
    with open(whole, encoding="utf-8", errors="replace") as file:
        return file.read()


def lacking():
    """By name as it is written: name in full without any digest, and digest of the manifest."""
    wanted = json.load(sys.stdin)
    write_json(BASES, wanted)
    known = read_json(KNOWN, {"ids": {}, "names": {}})
    missing = sorted({base["digest"] for base in wanted.values()} - known["ids"].keys())
    print(json.dumps(missing))
    if not missing:
        name_bases(wanted, known)


def take(disk):
    folder = f"{RUN}/bases"
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "ext4", "-o", "ro", disk, folder], check=True)
    known = read_json(KNOWN, {"ids": {}, "names": {}})
    for digest in os.listdir(folder):
        if digest == "lost+found":
            continue
        done = subprocess.run(["buildah", "pull", "-q", f"dir:{folder}/{digest}"], env=environment(), capture_output=True, text=True)
        if done.returncode != 0:
            raise Refused(f"a base image cannot be unpacked: {done.stderr[-2000:].strip()}")
        known["ids"][f"sha256:{digest}"] = done.stdout.strip().split("\n")[-1]
    write_json(KNOWN, known)
    subprocess.run(["umount", folder], check=True)
    name_bases(read_json(BASES), known)


def name_bases(wanted, known):
    """As the Dockerfile has them: buildah looks for names among the images that are here."""
    with open(DOCKERFILE) as file:
        text = file.read()
    names = {}
    for written, base in wanted.items():
        name = base["name"]
        if "@" in written:
            # Of an index, whose digest no image here has.
            name = f"{name}:fastvm-{base['digest'][7:19]}"
            if written not in text:
                raise Refused(f"{written} is put together of an ARG, which with a digest the builder does not know")
            text = text.replace(written, name)
        names[name] = known["ids"][base["digest"]]
    with open(DOCKERFILE, "w") as file:
        file.write(text)
    # Short names are looked for below localhost before anywhere else.
    for name in [name for name in known["names"] if name.startswith("localhost/") and name not in names]:
        buildah("rmi", name)
        del known["names"][name]
    for name, identity in names.items():
        if known["names"].get(name) != identity:
            buildah("tag", identity, name)
            known["names"][name] = identity
    write_json(KNOWN, known)


def build():
    order = read_json(ORDER)
    command = [*ALONE, "buildah", "bud", "--isolation", "chroot", "--network", "host", "--layers", "--force-rm", "--pull-never"]
    command += ["--format", "docker", "--identity-label=false", "--cap-add", CAPABILITIES]
    command += ["--iidfile", IMAGE_ID, "--file", DOCKERFILE, "--tag", RESULT]
    if order["noCache"]:
        command.append("--no-cache")
    if order["target"]:
        command += ["--target", order["target"]]
    for option, values in (("--build-arg", order["args"]), ("--label", order["labels"])):
        for name, value in values.items():
            command += [option, f"{name}={value}"]
    for index, name in enumerate(order["secrets"]):
        command += ["--secret", f"id={name},src={SECRETS}/{index}"]
    log = Log(secrets_of(len(order["secrets"])))
    process = subprocess.Popen([*command, CONTEXT], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in log.lines_of(process.stdout):
        log.take(line)
    if process.wait() != 0:
        raise Refused(log.failure())
    sys.stderr.write(json.dumps({"ran": log.ran, "cached": log.cached}))


def secrets_of(count):
    contents = []
    for index in range(count):
        with open(f"{SECRETS}/{index}", "rb") as file:
            contents.append(file.read())
    return contents


def export():
    bases = json.load(sys.stdin)
    blobs = f"{OUT}/blobs/sha256"
    os.makedirs(blobs)
    with open(f"{OUT}/oci-layout", "w") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    # What is there already is not written: of base images the host has the layers as they came.
    for diff in bases:
        open(f"{blobs}/{hex_of(diff)}", "w").close()
    buildah("push", "-q", "--compression-level", "1", RESULT, f"oci:{OUT}:result")
    # The layout's own configuration lacks what Docker alone knows, such as HEALTHCHECK.
    config = json.loads(buildah("inspect", "--type", "image", RESULT))["Config"].encode()
    pushed = read_json(f"{blobs}/{hex_of(read_json(f'{OUT}/index.json')['manifests'][0]['digest'])}")
    diffs = json.loads(config)["rootfs"]["diff_ids"]
    layers, own = [], []
    for diff, layer in zip(diffs, pushed["layers"], strict=True):
        if diff in bases:
            layer = {**bases[diff], "mediaType": LAYER_TYPES.get(bases[diff]["mediaType"], bases[diff]["mediaType"])}
        elif layer["digest"] not in own:
            own.append(layer["digest"])
        layers.append({key: layer[key] for key in ("mediaType", "digest", "size")})
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described(config, "application/vnd.oci.image.config.v1+json"),
        "layers": layers,
    }).encode()
    index = json.dumps({
        "schemaVersion": 2,
        "manifests": [described(manifest, "application/vnd.oci.image.manifest.v1+json")],
    }).encode()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", bufsize=BLOCK_BYTES) as archive:
        for content in (config, manifest):
            add(archive, f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", content)
        add(archive, "index.json", index)
        for digest in own:
            archive.add(f"{blobs}/{hex_of(digest)}", f"blobs/sha256/{hex_of(digest)}")


def hex_of(digest):
    return digest.removeprefix("sha256:")


def described(content, media_type):
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def add(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def end():
    shutil.rmtree(SECRETS, ignore_errors=True)
    end_users()
    # Of a build that was cut off: what they had written is no step of anybody's.
    if read_json(f"{CONTAINERS}/containers.json", []):
        subprocess.run(["buildah", "rm", "--all"], env=environment(), capture_output=True, timeout=END_SECONDS)
    for _ in range(END_TRIES):
        end_users()
        if subprocess.run(["umount", "--recursive", CACHE], capture_output=True).returncode == 0:
            break
        time.sleep(0.1)
    else:
        sys.exit("the cache is in use")


def end_users():
    """Whatever of a build still runs: it has its root, its folder or a file there, or it is buildah."""
    ours = set()
    pid = os.getpid()
    while pid > 1:
        ours.add(pid)
        with open(f"/proc/{pid}/stat") as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) > 1 and int(name) not in ours and uses_cache(name):
            try:
                os.kill(int(name), signal.SIGKILL)
            except ProcessLookupError:
                pass


def uses_cache(pid):
    links = ["exe", "root", "cwd"]
    try:
        links += [f"fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    for link in links:
        try:
            target = os.readlink(f"/proc/{pid}/{link}")
        except OSError:
            continue
        if target.startswith((CACHE, TOOLS)):
            return True
    return False


def main():
    command, *arguments = sys.argv[1:]
    try:
        {"begin": begin, "unpack": unpack, "bases": bases, "lacking": lacking, "take": take, "build": build, "export": export, "end": end}[
            command
        ](*arguments)
    except Refused as refused:
        sys.stderr.write(str(refused))
        sys.exit(REFUSED)


main()
