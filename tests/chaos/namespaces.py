"""A mount and a network namespace of our own: file systems that can be filled, a network that can be taken down.

Root has them for the asking, others where the kernel lets them make a user namespace. Nothing in them is seen
outside, and they end with the last process in them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Final

_MARK: Final = "DISIO_CHAOS_NAMESPACES"
"""Set for the process that runs in namespaces of its own: which ones."""
_MOUNT: Final = 'mount -t tmpfs -o size=1m none "$0"'
_NETWORK: Final = "ip link set lo up"


@dataclass(frozen=True)
class Namespaces:
    """Which ones we have."""

    mounts: bool
    network: bool


def enter() -> Namespaces:
    """Go on in namespaces of our own, as far as we may have them: this program then starts anew."""
    entered = os.environ.get(_MARK, "").split()
    if entered:
        network = "network" in entered
        if network:
            set_network(up=True)
        return Namespaces("mounts" in entered, network)
    unshare = shutil.which("unshare")
    if unshare is None:
        return Namespaces(mounts=False, network=False)
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    for options, probe, mark in (
        (["--mount", "--propagation", "private", "--net"], f"{_MOUNT} && {_NETWORK}", "mounts network"),
        (["--mount", "--propagation", "private"], _MOUNT, "mounts"),
    ):
        command = [unshare, *as_root, *options]
        with tempfile.TemporaryDirectory() as folder:
            tried = subprocess.run([*command, "sh", "-c", probe, folder], check=False, capture_output=True)
        if tried.returncode == 0:
            os.environ[_MARK] = mark
            os.execv(unshare, [*command, *sys.orig_argv])
    return Namespaces(mounts=False, network=False)


def set_network(*, up: bool) -> None:
    """Take the loopback device of our network namespace up or down: every link there is."""
    subprocess.run(["ip", "link", "set", "lo", "up" if up else "down"], check=True)
