"""All of `fastvm.machines`, under the name that programs for Nullspace machines import."""

from fastvm.machines import *  # noqa: F403
from fastvm.machines import __version__ as __version__
