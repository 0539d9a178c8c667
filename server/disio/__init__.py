"""Disio: volunteer computing in Python, in the browser."""

__version__ = "0.1.0"
