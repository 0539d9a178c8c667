"""What a browser downloads: the pinned Pyodide runtime, its snapshot, everything compressed and named by content.

``load`` gives the built bundle, verified. ``disio.bundle.build`` builds it in a checkout.
"""

from disio.bundle.manifest import Bundle, BundleFile, load

__all__ = ["Bundle", "BundleFile", "load"]
