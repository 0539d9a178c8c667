-- The spool of a distributor, version 1: results whose manager is away.

-- Facts about this distributor; key 'id' is its name in the grid, made once.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Managers that have welcomed this distributor at some time: results for others are refused.
CREATE TABLE managers (
    manager TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- One row for each frame of results, in the order in which they came (row).
CREATE TABLE parcels (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    manager TEXT NOT NULL,
    task TEXT NOT NULL,
    volunteer TEXT NOT NULL,
    -- msgpack: list of wire.volunteer.ResultItem
    items BLOB NOT NULL,
    -- the items' bytes, one after the other
    data BLOB NOT NULL
) STRICT;

CREATE INDEX parcels_by_manager ON parcels (manager, row);
