-- What a task needs beside its unit's source (see disio.wire.kit). Its files lie in the folder files/ of the data directory.
BEGIN EXCLUSIVE;

ALTER TABLE tasks ADD COLUMN kit TEXT NOT NULL DEFAULT '{}'; -- JSON

PRAGMA user_version = 4;
COMMIT;
