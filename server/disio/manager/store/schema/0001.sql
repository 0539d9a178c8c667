-- The first schema. A task's number is the part of its id after the dash.
BEGIN EXCLUSIVE;

-- What there is one of: 'manager' (this manager's id), 'leases' (no lease id at or above it was ever given).
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

-- Sources of work units, by their sha256 in hexadecimal.
CREATE TABLE files (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    data BLOB NOT NULL
);

-- Tasks. Times are Unix seconds.
CREATE TABLE tasks (
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
    -- running: payloads are made, handed out and answered; reducing: all are settled, reduce runs;
    -- finished; finished-with-failures: some payloads were set aside; failed: split failed; cancelled.
    state TEXT NOT NULL DEFAULT 'running' CHECK (
        state IN ('running', 'reducing', 'finished', 'finished-with-failures', 'failed', 'cancelled')
    ),
    error TEXT NOT NULL DEFAULT '',
    finished REAL,
    split_done INTEGER NOT NULL DEFAULT 0,
    total INTEGER,                              -- payloads that there will be, once that is known
    stored INTEGER NOT NULL DEFAULT 0,          -- payloads that there are: indexes 0 to stored - 1
    split_digest TEXT NOT NULL DEFAULT '',      -- over the payloads so far, to see whether split repeats itself
    accepted INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    executions INTEGER NOT NULL DEFAULT 0,      -- results that came, failures included
    computing_ms REAL NOT NULL DEFAULT 0,       -- of all answers
    CHECK ((finished IS NULL) = (state IN ('running', 'reducing'))),
    CHECK (accepted + failed <= stored)
);

-- Inputs, never changed once written.
CREATE TABLE payloads (
    task INTEGER NOT NULL REFERENCES tasks (number),
    idx INTEGER NOT NULL CHECK (idx >= 0),
    data BLOB NOT NULL,                         -- codec bytes
    PRIMARY KEY (task, idx)
) WITHOUT ROWID;

-- Leases without a result. An answered lease is deleted; its id goes on in results.
CREATE TABLE leases (
    id INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    volunteer TEXT NOT NULL,
    -- 0 open: an answer is expected before the deadline;
    -- 1 ended: expired, given back, or its volunteer left; a late answer is still used.
    state INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1)),
    issued REAL NOT NULL,                       -- Unix seconds
    seconds REAL NOT NULL                       -- from issued to the deadline
);
-- A payload has at most one open lease.
CREATE UNIQUE INDEX open_leases ON leases (task, idx) WHERE state = 0;

-- What volunteers answered, one row for a lease.
CREATE TABLE results (
    lease INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    volunteer TEXT NOT NULL,
    outcome INTEGER NOT NULL CHECK (outcome IN (0, 1)), -- 0 answered: codec bytes; 1 failed: JSON
    data BLOB NOT NULL,
    ms REAL NOT NULL,                           -- computing time
    log TEXT,                                   -- what the unit printed
    received REAL NOT NULL                      -- Unix seconds
);
CREATE INDEX failures ON results (task, idx) WHERE outcome = 1;

-- What was decided about a payload; no row: it is open. Never more than one.
CREATE TABLE verdicts (
    task INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (1, 2)), -- 1 accepted; 2 set aside after too many failures
    lease INTEGER NOT NULL REFERENCES results (lease), -- whose result stands for it
    PRIMARY KEY (task, idx)
) WITHOUT ROWID;
CREATE INDEX set_aside ON verdicts (task, idx) WHERE state = 2;

-- What reduce returned, in codec bytes.
CREATE TABLE answers (
    task INTEGER PRIMARY KEY REFERENCES tasks (number),
    data BLOB NOT NULL
);

PRAGMA application_id = 1147761519; -- "Diso"
PRAGMA user_version = 1;
COMMIT;
