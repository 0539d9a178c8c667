-- Tasks that only visitors of some sites compute.
BEGIN EXCLUSIVE;

ALTER TABLE tasks ADD COLUMN sites TEXT NOT NULL DEFAULT '[]'; -- JSON: hosts, *.host for all below; none: all sites

PRAGMA user_version = 9;
COMMIT;
