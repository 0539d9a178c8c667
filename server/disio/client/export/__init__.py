"""Results in files of other formats: SQLite, Parquet, NumPy; of any size, and gone on with after an interruption."""

from disio.client.export.copy import Copy
from disio.client.export.fitting import UnfitError
from disio.client.export.formats import FORMATS, export, last_row

__all__ = ["FORMATS", "Copy", "UnfitError", "export", "last_row"]
