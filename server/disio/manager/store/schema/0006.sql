-- What a researcher is told beside results: warnings about the unit's source, and in which browser a payload failed.
BEGIN EXCLUSIVE;

ALTER TABLE tasks ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]'; -- JSON: texts
ALTER TABLE results ADD COLUMN browser TEXT;                      -- of failures

PRAGMA user_version = 6;
COMMIT;
