-- States that units keep, so that another volunteer goes on where one stopped: the last one of each open payload.
BEGIN EXCLUSIVE;

CREATE TABLE checkpoints (
    task INTEGER NOT NULL REFERENCES tasks (number),
    idx INTEGER NOT NULL,
    volunteer TEXT NOT NULL,                    -- who kept it
    data BLOB NOT NULL,                         -- codec bytes
    PRIMARY KEY (task, idx)
);

PRAGMA user_version = 7;
COMMIT;
