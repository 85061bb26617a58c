/** Commands for a guest with a container engine and no registry: what it makes an image of, and then another of that. */

/** A root file system of a shell and two tools, with the libraries they need, as an archive. */
const MAKE_ROOT =
  "mkdir -p /root/image/bin /root/image/lib64 && cd /root/image && cp /bin/bash /bin/cat /bin/ls bin/ && ln -s bash bin/sh && " +
  "cp -L /lib64/ld-linux-x86-64.so.2 lib64/ && " +
  "for library in $(ldd /bin/bash /bin/ls | grep -o '/lib/[^ ]*' | sort -u); do cp -L --parents $library .; done && " +
  "tar -cf /root/root.tar .";

const BUILD_FILE = 'FROM tiny\nRUN echo built > /built\nCMD ["cat", "/built"]\n';

export const CONTAINER_INPUT: readonly string[] = [
  MAKE_ROOT,
  `mkdir -p /root/build && cd /root/build && cat > Dockerfile <<'END'\n${BUILD_FILE}END`,
];
