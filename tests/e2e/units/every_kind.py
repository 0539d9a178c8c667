"""Values of every kind, made where machines differ most easily: libm, order of sets, rounding, randomness, hashes."""

# /// script
# [tool.disio]
# quorum = 2
# ///
import cmath
import math


def run(payload, ctx):
    """One value of every kind, out of a payload and the payload's own randomness."""
    x = payload / 7 + 0.1
    drawn = [ctx.rng.random() for _ in range(20)]
    return {
        "libm": [f(x) for f in (math.sin, math.tan, math.exp, math.log, math.gamma, math.erf, math.tanh, math.cbrt)],
        "sum": (sum(drawn), math.fsum(drawn), math.hypot(*drawn), math.dist(drawn[:3], drawn[3:6])),
        "extremes": [5e-324, -0.0, math.inf, math.nan, 2.0**-1074 * payload, 0.1 + 0.2],
        "complex": cmath.exp(complex(x, -x)) ** 1.5,
        "large": math.factorial(60 + payload) * -(3**payload) + ctx.rng.getrandbits(200),
        "text": "".join(chr(ctx.rng.randrange(0x1F300, 0x1F600)) for _ in range(8)) + f"{x!r} {x:.17g} ß\u0000",
        "bytes": ctx.rng.randbytes(16),
        "set": {f"word {ctx.rng.randrange(10**6)}" for _ in range(30)} | {payload, (x, None), frozenset({x, "y"})},
        "gauss": [ctx.rng.gauss(0, 1), ctx.rng.sample(range(10**9), 5), ctx.rng.choice("abc")],
    }
