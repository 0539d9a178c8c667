-- Votes: answers that are judged together, and withdrawn when their givers turn out to be bad.
BEGIN EXCLUSIVE;

-- What the researcher asks of answers (JSON, the fields of disio.task.credibility.Rules), and whether the unit
-- brings agree. Tasks that were there before take the first answer.
ALTER TABLE tasks ADD COLUMN rules TEXT NOT NULL DEFAULT '{"error_rate":1.0}';
ALTER TABLE tasks ADD COLUMN has_agree INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN disagreements INTEGER NOT NULL DEFAULT 0; -- votes that contradicted another one
ALTER TABLE tasks ADD COLUMN blacklisted INTEGER NOT NULL DEFAULT 0;   -- volunteers

-- Whether the payload had an accepted answer already. Never told to anybody outside.
ALTER TABLE leases ADD COLUMN is_check INTEGER NOT NULL DEFAULT 0;

-- Several volunteers may have a payload at once, but each of them has it once.
DROP INDEX open_leases;
CREATE UNIQUE INDEX open_leases ON leases (task, idx, volunteer) WHERE state = 0;

-- Volunteers that were given payloads of tasks whose answers are judged together.
CREATE TABLE voters (
    task INTEGER NOT NULL REFERENCES tasks (number),
    volunteer TEXT NOT NULL,
    network TEXT,                               -- a salted hash of its address prefix; NULL: a network of its own
    trusted INTEGER NOT NULL,
    -- good: its votes count; suspect: they rest until a second opinion is there; blacklisted: they count for nothing.
    standing TEXT NOT NULL CHECK (standing IN ('good', 'suspect', 'blacklisted')),
    picky_from INTEGER,                         -- the first stint in which it withheld a check
    faults INTEGER NOT NULL,                    -- payloads on which it failed, and which others answered
    PRIMARY KEY (task, volunteer)
) WITHOUT ROWID;
CREATE INDEX bad_voters ON voters (task, standing) WHERE standing <> 'good';

-- Results that are votes: one a payload for each volunteer, and for each network.
CREATE TABLE votes (
    task INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    volunteer TEXT NOT NULL,
    lease INTEGER NOT NULL,
    digest BLOB NOT NULL,                       -- of the answer, equal where answers agree; empty: it failed
    stint INTEGER NOT NULL,                     -- the run of leases that it is judged with, and its place in there
    position INTEGER NOT NULL,
    network TEXT,                               -- the one that this vote uses up; NULL: none
    is_check INTEGER NOT NULL,                  -- the payload had an accepted answer when it was leased
    PRIMARY KEY (task, idx, volunteer),
    FOREIGN KEY (task, volunteer) REFERENCES voters (task, volunteer)
) WITHOUT ROWID;
CREATE UNIQUE INDEX votes_by_network ON votes (task, idx, network) WHERE network IS NOT NULL;
CREATE INDEX votes_by_stint ON votes (task, volunteer, stint);

-- Answers that wait to be compared with others by the unit's agree; they are votes then.
CREATE TABLE uncompared (
    lease INTEGER PRIMARY KEY REFERENCES results (lease),
    task INTEGER NOT NULL
);

-- Whether nothing about it is in memory any more: what is not final is read again after a restart.
ALTER TABLE verdicts ADD COLUMN final INTEGER NOT NULL DEFAULT 1;
CREATE INDEX live_verdicts ON verdicts (task, idx) WHERE final = 0;

PRAGMA user_version = 5;
COMMIT;
