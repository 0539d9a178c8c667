-- name: make_copy#
-- A copy of a task's results. Payload and result stand twice: as JSON for people and queries, and exact in codec bytes.
BEGIN EXCLUSIVE;
CREATE TABLE IF NOT EXISTS about (
    task TEXT NOT NULL,                         -- the task's id
    complete INTEGER NOT NULL DEFAULT 0         -- whether all results that there were are here
);
CREATE TABLE IF NOT EXISTS results (
    idx INTEGER PRIMARY KEY,                    -- the payload's index
    payload TEXT NOT NULL,
    result TEXT NOT NULL,
    ms REAL NOT NULL,                           -- computing time
    volunteer TEXT NOT NULL,
    settled INTEGER NOT NULL,                   -- when it was accepted: microseconds of Unix time
    votes INTEGER NOT NULL,                     -- how many gave this answer
    log TEXT NOT NULL,                          -- what the unit printed
    payload_encoded BLOB NOT NULL,
    result_encoded BLOB NOT NULL
);
COMMIT;

-- name: is_another()$
-- Whether this is a database of something else.
SELECT count(*) > 0 AND NOT sum(name = 'about') FROM sqlite_schema;

-- name: get_task()$
-- Whose results these are.
SELECT task FROM about;

-- name: set_task(task)!
-- Whose results these will be.
INSERT INTO about (task) VALUES (:task);

-- name: set_complete()!
-- Everything that there was is here.
UPDATE about SET complete = 1;

-- name: get_run(first)$
-- The last one of the indexes that follow each other from this one on; null if it is not there itself.
SELECT idx FROM results AS this
WHERE idx >= :first
    AND EXISTS (SELECT 1 FROM results WHERE idx = :first)
    AND NOT EXISTS (SELECT 1 FROM results WHERE idx = this.idx + 1)
ORDER BY idx LIMIT 1;

-- name: count_beyond(index)$
-- How many come after an index.
SELECT count(*) FROM results WHERE idx > :index;

-- name: count_results()$
-- How many there are.
SELECT count(*) FROM results;

-- name: add_results*!
-- Further results; one that is there already is replaced.
INSERT OR REPLACE INTO results
    (idx, payload, result, ms, volunteer, settled, votes, log, payload_encoded, result_encoded)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: get_results()
-- All results in order of index.
SELECT idx, payload, result, ms, volunteer, settled, votes, log, payload_encoded, result_encoded
FROM results ORDER BY idx;
