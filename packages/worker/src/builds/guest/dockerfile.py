"""Which images of elsewhere a Dockerfile needs: runs in a build VM alone, as what it reads is a stranger's.

Only as much of the language is known here as that takes; the rest is buildah's affair.
"""

import re
import shlex

PLATFORM = {
    "BUILDPLATFORM": "linux/amd64", "BUILDOS": "linux", "BUILDARCH": "amd64", "BUILDVARIANT": "",
    "TARGETPLATFORM": "linux/amd64", "TARGETOS": "linux", "TARGETARCH": "amd64", "TARGETVARIANT": "",
}
OURS = "linux/amd64"
VARIABLE = re.compile(r"\$(?:(?P<name>\w+)|\{(?P<braced>\w+)(?::(?P<kind>[-+])(?P<other>[^}]*))?\})")
HEREDOC = re.compile(r"\d*<<-?(?P<quote>['\"]?)[A-Za-z_][\w.]*(?P=quote)")
DIRECTIVE = re.compile(r"#\s*(?P<name>\w+)\s*=\s*(?P<value>.+?)\s*$")
MAX_BASES = 64


class Refused(Exception):
    """What is wrong with the order."""


class Stage:
    def __init__(self, base, name):
        self.base, self.name = base, name
        # Images and stages that are copied from.
        self.sources = []


def instructions(text):
    """Number of the line and text of each, continued lines in one and without comments between them."""
    lines = text.removeprefix("\ufeff").splitlines()
    escape = "\\"
    for line in lines:
        found = DIRECTIVE.match(line.strip())
        if found is None:
            break
        if found["name"].lower() == "escape" and found["value"] in ("\\", "`"):
            escape = found["value"]
    parts, start = [], 0
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        start = start or number
        text = line.rstrip()
        continued = text.endswith(escape)
        parts.append(text[: -len(escape)] if continued else text)
        if not continued:
            yield start, "".join(parts).strip()
            parts, start = [], 0
    if parts:
        yield start, "".join(parts).strip()


def expand(text, variables):
    def value(found):
        name = found["name"] or found["braced"]
        known = variables.get(name, "")
        if found["kind"] == "-":
            return known or expand(found["other"], variables)
        if found["kind"] == "+":
            return expand(found["other"], variables) if known else ""
        return known

    return VARIABLE.sub(value, text)


def words_of(rest):
    try:
        return shlex.split(rest, posix=True)
    except ValueError:
        return rest.split()


def flags_of(rest):
    """The --name=value words in front, and what follows them."""
    flags = []
    words = rest.split()
    while words and words[0].startswith("--"):
        name, _, value = words.pop(0)[2:].partition("=")
        flags.append((name.lower(), value))
    return flags, words


def stages_of(text, arguments):
    variables = dict(PLATFORM)
    stages = []
    for number, instruction in instructions(text):
        keyword, _, rest = instruction.partition(" ")
        keyword = keyword.upper()
        if keyword in ("RUN", "COPY", "ADD") and any(HEREDOC.fullmatch(word) for word in rest.split()):
            raise Refused(f"line {number} of the Dockerfile has a here-document, which the builder does not know; "
                          "join commands by && or copy a file instead")
        if keyword == "ARG" and not stages:
            for word in words_of(rest):
                name, has_value, value = word.partition("=")
                if name in arguments:
                    variables[name] = arguments[name]
                elif has_value:
                    variables[name] = expand(value, variables)
        elif keyword == "FROM":
            stages.append(stage_of(number, rest, variables))
        elif stages and keyword in ("COPY", "ADD", "RUN"):
            stages[-1].sources += sources_of(keyword, rest, {**variables, **arguments})
    if not stages:
        raise Refused("the Dockerfile has no FROM")
    return stages


def stage_of(number, rest, variables):
    flags, words = flags_of(rest)
    if not words or (len(words) > 1 and (len(words) != 3 or words[1].upper() != "AS")):
        raise Refused(f"line {number} of the Dockerfile is no FROM that the builder knows")
    for name, value in flags:
        platform = expand(value, variables)
        if name == "platform" and platform not in (OURS, "linux/x86_64"):
            raise Refused(f"line {number} of the Dockerfile is for {platform}; images here are for {OURS}")
    base = expand(words[0].strip("'\""), variables)
    if not base:
        raise Refused(f"line {number} of the Dockerfile names no image: an ARG in it has no value")
    return Stage(base, words[2].lower() if len(words) == 3 else None)


def sources_of(keyword, rest, variables):
    found = []
    for name, value in flags_of(rest)[0]:
        if keyword == "COPY" and name == "from":
            found.append(expand(value, variables))
        elif keyword == "RUN" and name == "mount":
            found += [expand(part[5:], variables) for part in value.split(",") if part.startswith("from=")]
    return found


def target_index(stages, target):
    if not target:
        return len(stages) - 1
    for index, stage in enumerate(stages):
        if stage.name == target.lower():
            return index
    if target.isdecimal() and int(target) < len(stages):
        return int(target)
    raise Refused(f"the Dockerfile has no stage {target}")


def bases_of(text, arguments, target):
    """As they are written, each once, of the stages that the target needs."""
    stages = stages_of(text, arguments)
    needed, waiting, bases = set(), [target_index(stages, target)], []

    def add(name, before):
        """A stage further up, by its name or, for what is copied from, its number; else an image."""
        for index in range(before - 1, -1, -1):
            if stages[index].name == name.lower():
                return waiting.append(index)
        if name != "scratch" and name not in bases:
            bases.append(name)

    while waiting:
        index = waiting.pop()
        if index in needed:
            continue
        needed.add(index)
        add(stages[index].base, index)
        for source in stages[index].sources:
            if source.isdecimal() and int(source) < index:
                waiting.append(int(source))
            else:
                add(source, index)
    if len(bases) > MAX_BASES:
        raise Refused(f"the Dockerfile needs more than {MAX_BASES} images")
    return bases
