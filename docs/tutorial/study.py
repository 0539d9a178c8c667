"""From the work unit to the figure: ``python study.py``."""

from figure import crossing, draw

import disio

near = [round(2.1 + n * 0.05, 2) for n in range(9)]  # 2.1, 2.15, ... 2.5
curves = disio.grid(size=[8, 16, 32], temperature=[1.6, 1.8, 2.0, *near, 2.6, 2.8, 3.0], sweeps=[600])
pictures = disio.grid(size=[128], temperature=[1.8, 2.27, 3.0], sweeps=[600], picture=[True])

with disio.Client() as client:
    task = client.submit("ising.py", payloads=pictures + curves, name="Ising magnets")
    task.progress()  # waits, and shows how far it is
    for failure in task.failures():
        print(failure)  # which payload, in which browser, with the unit's own lines
    results = [result.value for result in task.results()]

print(f"{len(results)} results; the order ends at T = {crossing(results):.2f}")
draw(results).savefig("ising.svg", metadata={"Date": None})
