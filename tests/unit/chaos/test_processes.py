"""Who is left behind, and who grows."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.processes import WARM_SECONDS, Memory, resident

ORPHAN = """
import subprocess, sys, time
from tests.chaos.processes import adopt_orphans, descendants
adopt_orphans()
assert descendants() == [], descendants()
parent = subprocess.Popen(
    [sys.executable, "-c",
     "import subprocess, sys; "
     "print(subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=subprocess.DEVNULL).pid)"],
    stdout=subprocess.PIPE, text=True)
pid = parent.communicate()[0].strip()
left = descendants()
subprocess.run(["kill", "-9", pid], check=True)
assert left == [f"{pid} sleep 600"], left
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc, which is not here")
def test_orphans_are_found() -> None:
    """A process whose parent has ended, in a session of its own, is still ours."""
    found = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_growth_counts_from_when_it_is_warm() -> None:
    """What a process takes while it starts is no growth; each incarnation begins anew."""
    memory = Memory(dict)
    for at, size in ((0.0, 10), (1.0, 50), (WARM_SECONDS, 60), (20.0, 75), (30.0, 70)):
        memory.note("manager-0", 100, size, at)
    assert memory.growth == {"manager-0": 15}
    for at, size in ((40.0, 10), (40.0 + WARM_SECONDS, 70), (60.0, 80)):
        memory.note("manager-0", 101, size, at)
    assert memory.growth == {"manager-0": 15}
    assert memory.most == {"manager-0": 80}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc, which is not here")
async def test_memory_of_a_real_process() -> None:
    """A real process has some; one that is gone has none."""
    child = await asyncio.create_subprocess_exec("sleep", "600")
    assert resident(child.pid) > 0
    child.kill()
    await child.wait()
    assert resident(child.pid) == 0
