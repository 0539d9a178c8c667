-- The estimated share of wrong answers.
BEGIN EXCLUSIVE;

ALTER TABLE tasks ADD COLUMN doubt_sum REAL NOT NULL DEFAULT 0; -- of the accepted answers

PRAGMA user_version = 10;
COMMIT;
