"""The figure of the study: three magnets, and how their order ends."""

import matplotlib.pyplot as plt
import numpy as np
import theory
from matplotlib.colors import ListedColormap

COLOURS = {8: "#e8a33d", 16: "#d9527a", 32: "#5b4bb7"}
SPINS = ListedColormap(["#2b2350", "#f4ede1"])
plt.rcParams |= {
    "axes.edgecolor": "#6b6880",
    "axes.labelcolor": "#2b2350",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9.5,
    "svg.hashsalt": "ising",  # the same results give the same file
    "text.color": "#2b2350",
    "xtick.color": "#6b6880",
    "ytick.color": "#6b6880",
}


def draw(results):
    """A figure of results of ``ising.py``: those with a picture are shown, all others measured."""
    pictures = [result for result in results if "picture" in result]
    figure = plt.figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.1, 1))
    for axes, result in zip(above.subplots(1, 3), pictures, strict=True):
        axes.imshow(result["picture"], SPINS, vmin=-1, vmax=1, interpolation="none")
        axes.set_title(f"T = {result['temperature']:.2f}", fontsize=10.5)
        axes.set_axis_off()
    order, binder = below.subplots(1, 2)
    for axes in (order, binder):
        axes.axvline(theory.CRITICAL, color="#b9b6c9", lw=1, ls=(0, (2, 2)))
    exact = np.linspace(1.5, 3.1, 3201)
    order.plot(exact, theory.magnetisation(exact), color="#2b2350", lw=1.2, label="endless, exact")
    for size, colour in COLOURS.items():
        curve = sorted((r["temperature"], r["magnetisation"], r["binder"]) for r in results if r["size"] == size)
        temperatures, magnetisations, cumulants = zip(*curve, strict=True)
        style = {"color": colour, "marker": "o", "markersize": 3.6, "lw": 1.2, "label": f"{size} x {size}"}
        order.plot(temperatures, magnetisations, **style)
        binder.plot(temperatures, cumulants, **style)
    order.set(xlabel="temperature T", ylabel="magnetisation", xlim=(1.55, 3.05), ylim=(0, 1.03))
    order.legend(frameon=False, loc="lower left")
    binder.set(xlabel="temperature T", ylabel="Binder cumulant", xlim=(2.08, 2.52), ylim=(0.22, 0.69))
    binder.text(theory.CRITICAL + 0.006, 0.235, f"exact: {theory.CRITICAL:.3f}", color="#6b6880")
    return figure


def crossing(results, small=8, large=32):
    """The temperature at which the Binder cumulants of two sizes cross: an estimate of the critical one."""
    curves = [{r["temperature"]: r["binder"] for r in results if r["size"] == size} for size in (small, large)]
    temperatures = sorted(curves[0])
    gaps = np.array([curves[1][t] - curves[0][t] for t in temperatures])
    last = np.flatnonzero(gaps > 0)[-1]  # above it, the larger lattice is the less ordered one
    return np.interp(0, [gaps[last + 1], gaps[last]], [temperatures[last + 1], temperatures[last]])
