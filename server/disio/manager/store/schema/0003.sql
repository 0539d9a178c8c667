-- Tasks that stay open for payloads, whose they are, and when payloads were settled.
BEGIN EXCLUSIVE;

ALTER TABLE tasks ADD COLUMN open INTEGER NOT NULL DEFAULT 0;    -- payloads are added from outside until it is 0
ALTER TABLE tasks ADD COLUMN owner TEXT NOT NULL DEFAULT '';     -- the researcher's name, where a token was asked for

-- Microseconds of Unix time; no two verdicts of a manager have the same, later ones have larger ones.
ALTER TABLE verdicts ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
UPDATE verdicts SET settled = lease;                             -- older ones: in the order of their leases
CREATE UNIQUE INDEX settled ON verdicts (task, settled);

PRAGMA user_version = 3;
COMMIT;
