"""Makes a folder `tree` with files that git knows of, for file-work.py: file-tree.py FOLDER FILES."""

import os
import subprocess
import sys
import tempfile

tree, files = os.path.join(sys.argv[1], "tree"), int(sys.argv[2])
FOLDERS = 50
# Long before git looks at them: what has just changed it would read once more.
LONG_AGO = 1_700_000_000

for at in range(files):
    below = os.path.join(tree, str(at % FOLDERS))
    os.makedirs(below, exist_ok=True)
    path = os.path.join(below, str(at))
    with open(path, "w") as file:
        file.write(str(at))
    os.utime(path, (LONG_AGO, LONG_AGO))

with tempfile.TemporaryDirectory() as objects:
    # A status reads no object. And whoever makes the tree may see other numbers of files than those who work with it.
    for words in (["init", "-q"], ["config", "core.checkStat", "minimal"], ["-c", "core.fsync=none", "add", "."]):
        subprocess.run(["git", "-C", tree, *words], check=True, env=os.environ | {"GIT_OBJECT_DIRECTORY": objects})
# Without which git sees no repository.
os.mkdir(os.path.join(tree, ".git", "objects"))
