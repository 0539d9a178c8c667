"""SciPy, pandas and scikit-learn: what is computed is known without them."""

# /// script
# dependencies = ["scipy", "pandas", "scikit-learn"]
# ///
import numpy as np
import pandas as pd
from scipy import linalg, optimize
from sklearn.linear_model import LinearRegression


def run(number):
    """Solve, group and fit."""
    solution = linalg.solve(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([2.0, 2.0]) * number)
    frame = pd.DataFrame({"name": ["a", "b", "a"], "value": [1, 2, number]})
    along = np.arange(5.0)
    fit = LinearRegression().fit(along[:, None], 3 * along + 1)
    return {
        "solution": solution,
        "root": optimize.brentq(lambda x: x * x - 2, 0, 2),
        "sums": frame.groupby("name")["value"].sum().to_dict(),
        "slope": float(fit.coef_[0]),
    }
