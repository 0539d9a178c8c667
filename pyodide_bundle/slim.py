"""Takes comments and docstrings out of the standard library; run inside Pyodide, by the Python that it belongs to.

Lines keep their numbers, so tracebacks are as before. A docstring becomes an empty one, which is what the library is
used to from ``python -OO``, and kinder to code that expects text.
"""

import io
import tokenize
import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
BETWEEN = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT}


def slim(text):
    """A module's source without comments, and with ``""`` for each statement that is nothing but text."""
    lines = text.splitlines(keepends=True)
    cuts, statement = [], []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            cuts.append((token.start, token.end, ""))
        elif token.type == tokenize.NEWLINE:
            if all(part.type == tokenize.STRING for part in statement):
                cuts.append((statement[0].start, statement[-1].end, '""'))
            statement = []
        elif token.type not in BETWEEN:
            statement.append(token)
    for (row, column), (end_row, end_column), instead in sorted(cuts, reverse=True):
        kept = lines[row - 1][:column] + instead
        lines[row - 1] = (kept if instead else kept.rstrip()) + lines[end_row - 1][end_column:]
        lines[row:end_row] = ["\n"] * (end_row - row)
    return "".join(lines)


def slim_zip(original, target):
    """Every module of a zip, slim; the same input gives the same bytes."""
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as slimmed:
        for name in sorted(source.namelist()):
            data = source.read(name)
            slimmed.writestr(
                zipfile.ZipInfo(name, EPOCH), slim(data.decode()).encode() if name.endswith(".py") else data
            )
