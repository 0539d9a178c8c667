"""The figures that Disio states, one command each: ``python -m bench NAME [--quick] [--json]``.

Every benchmark measures its peer or baseline in the same run and prints the ratio.
"""
