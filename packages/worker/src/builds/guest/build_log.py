"""What buildah prints, for people: runs in a build VM alone. Its lines without secrets, how many steps there were, and why it failed."""

import collections
import re

# Of what a step that failed printed.
MAX_LAST_CHARS = 3500
STEP = re.compile(r"(?:\[\d+/\d+\] )?STEP \d+/\d+: (?P<instruction>\w+)")
CACHED = "--> Using cache "
NOISE = re.compile(r"subprocess exited with status \d+|exit status \d+")
# Shorter ones are words that a log may have for other reasons.
MIN_SECRET_BYTES = 6
# Longer lines are told in parts: nobody's memory is to depend on where a command ends its lines.
MAX_LINE_BYTES = 65_536


class Log:
    """Prints each line, and counts steps by what buildah says of them."""

    def __init__(self, secrets):
        """Contents of secrets."""
        lines = {line.strip() for secret in secrets for line in secret.splitlines()}
        # The longest first: one may have another in it.
        self.secrets = sorted((line for line in lines if len(line) >= MIN_SECRET_BYTES), key=len, reverse=True)
        self.ran = self.cached = 0
        # Of the step that is under way.
        self.last, self.last_chars = collections.deque(), 0

    def lines_of(self, stream):
        """Without their secrets, which may lie where a long line is cut: as much of it waits for the next part as the longest has."""
        kept = max(map(len, self.secrets), default=1) - 1
        before = b""
        while part := stream.readline(MAX_LINE_BYTES):
            line = self.without_secrets(before + part)
            before = b""
            if not line.endswith(b"\n") and len(part) == MAX_LINE_BYTES and kept > 0:
                line, before = line[:-kept], line[-kept:]
            if line:
                yield line
        if before:
            yield self.without_secrets(before)

    def without_secrets(self, text):
        for secret in self.secrets:
            text = text.replace(secret, b"***")
        return text

    def take(self, raw):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        found = STEP.match(line)
        if found:
            self.last.clear()
            self.last_chars = 0
            if found["instruction"].upper() != "FROM":
                self.ran += 1
        elif line.startswith(CACHED) and self.ran > 0:
            self.ran -= 1
            self.cached += 1
        self.last.append(line)
        self.last_chars += len(line) + 1
        while len(self.last) > 1 and self.last_chars > MAX_LAST_CHARS:
            self.last_chars -= len(self.last.popleft()) + 1
        print(line, flush=True)

    def failure(self):
        return "\n".join(line for line in self.last if not NOISE.fullmatch(line)).strip() or "buildah failed and does not say why"
