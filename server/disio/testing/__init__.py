"""Real grids, browsers and volunteers for tests: of Disio itself, and of researchers' work units."""

from disio.testing.browsers import Browser, find_browser, open_browser, open_volunteers
from disio.testing.grid import Grid, Ways
from disio.testing.processes import Process
from disio.testing.site import VOLUNTEERING, open_site
from disio.testing.under_test import UnitFailedError, UnitUnderTest

__all__ = [
    "VOLUNTEERING",
    "Browser",
    "Grid",
    "Process",
    "UnitFailedError",
    "UnitUnderTest",
    "Ways",
    "find_browser",
    "open_browser",
    "open_site",
    "open_volunteers",
]
