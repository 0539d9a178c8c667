-- What units tell while they compute: the last events of each task.
BEGIN EXCLUSIVE;

CREATE TABLE events (
    task INTEGER NOT NULL REFERENCES tasks (number),
    at INTEGER NOT NULL,                        -- when it came: microseconds of Unix time, none twice
    idx INTEGER NOT NULL,
    volunteer TEXT NOT NULL,
    data BLOB NOT NULL,                         -- codec bytes
    PRIMARY KEY (task, at)
) WITHOUT ROWID;

PRAGMA user_version = 8;
COMMIT;
