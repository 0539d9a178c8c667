"""Algebra and graphs."""
# /// script
# dependencies = ["sympy", "networkx"]
# ///

import sys

import networkx as nx
import sympy

IMPORTED = sorted(name for name in sys.modules if name in ("sympy.core.expr", "networkx.classes.graph"))


def run(payload):
    """A factored polynomial, a shortest path, and something that is imported only now."""
    from sympy.combinatorics import Permutation  # noqa: PLC0415 - it is what the test is about

    x = sympy.Symbol("x")
    path = nx.shortest_path_length(nx.path_graph(payload), 0, payload - 1)
    return [str(sympy.factor(x**payload - 1)), path, int(Permutation([1, 0, 2]).order()), IMPORTED]
