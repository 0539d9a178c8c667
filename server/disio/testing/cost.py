"""What the processes of a browser cost, from /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def renderer_seconds(ancestor: int) -> float:
    """Processor time that all living renderer processes below a process have used so far, in seconds."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            renderer = b"--type=renderer" in (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        process = int(folder.name)
        children.setdefault(int(fields[1]), []).append(process)
        ticks[process] = int(fields[11]) + int(fields[12]) if renderer else 0
    below = [ancestor]
    for process in below:
        below += children.get(process, [])
    return sum(ticks.get(process, 0) for process in below) / _TICKS
