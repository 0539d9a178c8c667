-- States of several volunteers for one payload, and which leases went on from whose states.
BEGIN EXCLUSIVE;

-- The last state that each volunteer kept of an open payload, as far as somebody may go on from it.
CREATE TABLE new_checkpoints (
    task INTEGER NOT NULL REFERENCES tasks (number),
    idx INTEGER NOT NULL,
    volunteer TEXT NOT NULL,                    -- who kept it
    lease INTEGER NOT NULL,                     -- with which it had the payload
    data BLOB NOT NULL,                         -- codec bytes
    PRIMARY KEY (task, idx, volunteer)
);
INSERT INTO new_checkpoints (task, idx, volunteer, lease, data) SELECT task, idx, volunteer, 0, data FROM checkpoints;
DROP TABLE checkpoints;
ALTER TABLE new_checkpoints RENAME TO checkpoints;

-- On whose work the answer to a lease rests, beside that of its volunteer: all who had a part in the state that it was
-- given with. Rows stay with the lease's result: its vote counts as from all of them. The key's columns come first, as
-- quick_check takes others for NULL where they do not.
CREATE TABLE touches (
    lease INTEGER NOT NULL,
    volunteer TEXT NOT NULL,
    task INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    PRIMARY KEY (lease, volunteer),
    FOREIGN KEY (task, volunteer) REFERENCES voters (task, volunteer)
) WITHOUT ROWID;
CREATE INDEX touches_by_volunteer ON touches (task, volunteer, idx);

PRAGMA user_version = 12;
COMMIT;
