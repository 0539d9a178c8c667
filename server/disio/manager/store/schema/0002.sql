-- Tasks may be paused, and are deleted bit by bit. SQLite changes no CHECK: the table is written anew.
BEGIN EXCLUSIVE;

CREATE TABLE new_tasks (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    filename TEXT NOT NULL,
    description TEXT NOT NULL,
    unit TEXT NOT NULL REFERENCES files (sha256),
    params BLOB NOT NULL,                       -- codec bytes
    priority INTEGER NOT NULL,
    timeout REAL NOT NULL,                      -- seconds of computing for one payload
    has_split INTEGER NOT NULL,
    has_reduce INTEGER NOT NULL,
    created REAL NOT NULL,
    -- running: payloads are made, handed out and answered; paused: nothing is handed out; reducing: all are settled,
    -- reduce runs; finished; finished-with-failures: some payloads were set aside; failed: split or reduce failed;
    -- cancelled; deleting: its rows are being removed, this one is the last.
    state TEXT NOT NULL DEFAULT 'running' CHECK (
        state IN (
            'running', 'paused', 'reducing', 'finished', 'finished-with-failures', 'failed', 'cancelled', 'deleting'
        )
    ),
    error TEXT NOT NULL DEFAULT '',             -- why it failed, or is paused
    finished REAL,
    split_done INTEGER NOT NULL DEFAULT 0,
    total INTEGER,                              -- payloads that there will be, once that is known
    stored INTEGER NOT NULL DEFAULT 0,          -- payloads that there are: indexes 0 to stored - 1
    split_digest TEXT NOT NULL DEFAULT '',      -- over the payloads so far, to see whether split repeats itself
    accepted INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    executions INTEGER NOT NULL DEFAULT 0,      -- results that came, failures included
    computing_ms REAL NOT NULL DEFAULT 0,       -- of all answers
    CHECK ((finished IS NULL) = (state IN ('running', 'paused', 'reducing'))),
    CHECK (accepted + failed <= stored)
);
INSERT INTO new_tasks
SELECT number, name, filename, description, unit, params, priority, timeout, has_split, has_reduce, created,
    state, error, finished, split_done, total, stored, split_digest, accepted, failed, executions, computing_ms
FROM tasks;
DROP TABLE tasks;
ALTER TABLE new_tasks RENAME TO tasks;

-- The number of the newest task ever: numbers of deleted tasks are not used again.
INSERT INTO meta (key, value) SELECT 'tasks', coalesce(max(number), 0) FROM tasks;

PRAGMA user_version = 2;
COMMIT;
