-- A link to the project, for visitors.
BEGIN EXCLUSIVE;

ALTER TABLE tasks ADD COLUMN homepage TEXT NOT NULL DEFAULT ''; -- the address of its page; empty: none

PRAGMA user_version = 11;
COMMIT;
