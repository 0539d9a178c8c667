-- What must hold in a manager's database when all its tasks have ended. Each check returns the rows that break it.

-- name: unsettled()
-- A payload without an accepted answer.
SELECT p.task, p.idx FROM payloads p
LEFT JOIN verdicts v ON v.task = p.task AND v.idx = p.idx AND v.state = 1
WHERE v.task IS NULL;

-- name: settled_twice()
-- A payload with more than one verdict.
SELECT task, idx, count(*) AS verdicts FROM verdicts GROUP BY task, idx HAVING count(*) > 1;

-- name: verdicts_without_result()
-- A verdict whose result is missing, of another payload, or a failure that is said to be accepted.
SELECT v.task, v.idx, v.lease FROM verdicts v
LEFT JOIN results r ON r.lease = v.lease AND r.task = v.task AND r.idx = v.idx
WHERE r.lease IS NULL OR (v.state = 1 AND r.outcome <> 0);

-- name: verdicts_without_payload()
-- A verdict about a payload that there is not.
SELECT v.task, v.idx FROM verdicts v
LEFT JOIN payloads p ON p.task = v.task AND p.idx = v.idx
WHERE p.task IS NULL;

-- name: results_without_payload()
-- A result for a payload that there is not.
SELECT r.task, r.idx, r.lease FROM results r
LEFT JOIN payloads p ON p.task = r.task AND p.idx = r.idx
WHERE p.task IS NULL;

-- name: results_of_one_lease()
-- A lease that was answered more than once.
SELECT lease, count(*) AS results FROM results GROUP BY lease HAVING count(*) > 1;

-- name: leases_left()
-- A lease of a payload that is settled, of a task that has ended, or that has a result.
SELECT l.id, l.task, l.idx FROM leases l
LEFT JOIN tasks t ON t.number = l.task
WHERE t.number IS NULL OR t.finished IS NOT NULL
    OR EXISTS (SELECT 1 FROM verdicts v WHERE v.task = l.task AND v.idx = l.idx)
    OR EXISTS (SELECT 1 FROM results r WHERE r.lease = l.id);

-- name: leases_used_again()
-- A lease at or above the mark below which ids were given.
SELECT r.lease FROM results r WHERE r.lease >= (SELECT value FROM meta WHERE key = 'leases');

-- name: counters()
-- A task whose counters differ from its rows.
WITH counted AS (
    SELECT t.number,
        (SELECT count(*) FROM payloads p WHERE p.task = t.number) AS stored,
        (SELECT count(*) FROM verdicts v WHERE v.task = t.number AND v.state = 1) AS accepted,
        (SELECT count(*) FROM verdicts v WHERE v.task = t.number AND v.state = 2) AS failed,
        (SELECT count(*) FROM results r WHERE r.task = t.number) AS executions,
        (SELECT count(*) FROM voters b WHERE b.task = t.number AND b.standing = 'blacklisted') AS blacklisted,
        (SELECT coalesce(sum(r.ms), 0) FROM results r WHERE r.task = t.number) AS computing_ms
    FROM tasks t
)
SELECT t.number, t.stored, c.stored, t.accepted, c.accepted, t.failed, c.failed, t.executions, c.executions,
    t.blacklisted, c.blacklisted
FROM tasks t JOIN counted c ON c.number = t.number
WHERE t.stored <> c.stored OR t.accepted <> c.accepted OR t.failed <> c.failed OR t.executions <> c.executions
    OR t.blacklisted <> c.blacklisted
    OR abs(t.computing_ms - c.computing_ms) > 1e-6 * (1 + c.computing_ms);

-- name: unfinished()
-- A task that did not come to a good end.
SELECT number, state, error FROM tasks WHERE state <> 'finished';

-- name: gaps()
-- A task whose payloads are not numbered from 0 without a gap.
SELECT task, count(*) AS payloads, min(idx) AS first, max(idx) AS last FROM payloads
GROUP BY task HAVING min(idx) <> 0 OR max(idx) <> count(*) - 1;

-- name: votes_without_result()
-- A vote whose result is missing, or is another volunteer's or another payload's.
SELECT v.task, v.idx, v.volunteer, v.lease FROM votes v
LEFT JOIN results r ON r.lease = v.lease AND r.task = v.task AND r.idx = v.idx AND r.volunteer = v.volunteer
WHERE r.lease IS NULL;

-- name: votes_missing()
-- An accepted answer of a task that asks for a quorum, with fewer votes for it from volunteers that count.
SELECT d.task, d.idx, count(w.volunteer) AS votes FROM verdicts d
JOIN tasks t ON t.number = d.task AND json_extract(t.rules, '$.quorum') > 1
JOIN votes v ON v.task = d.task AND v.idx = d.idx AND v.lease = d.lease
LEFT JOIN votes w ON w.task = d.task AND w.idx = d.idx AND w.digest = v.digest
WHERE d.state = 1
GROUP BY d.task, d.idx HAVING count(w.volunteer) < json_extract(t.rules, '$.quorum');

-- name: uncompared()
-- An answer of an ended task that still waits to be compared.
SELECT u.task, u.lease FROM uncompared u JOIN tasks t ON t.number = u.task WHERE t.finished IS NOT NULL;

-- name: foreign_keys()
-- A row that refers to one that there is not.
SELECT "table", rowid, parent FROM pragma_foreign_key_check;

-- name: integrity()
-- What SQLite itself finds wrong with the file.
SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok';

-- ==== for the checks that are not SQL alone ====

-- name: manager_id()$
-- Whose database this is.
SELECT value FROM meta WHERE key = 'manager';

-- name: accepted_answers(task)
-- Payload and accepted answer of every payload of a task, in order.
SELECT p.idx, p.data AS payload, r.data AS answer FROM payloads p
JOIN verdicts v ON v.task = p.task AND v.idx = p.idx AND v.state = 1
JOIN results r ON r.lease = v.lease
WHERE p.task = :task ORDER BY p.idx;

-- name: answer(task)$
-- What a task's reduce returned.
SELECT data FROM answers WHERE task = :task;

-- name: answered_by(volunteers)$
-- How many results came from these volunteers (a JSON array).
SELECT count(*) FROM results WHERE volunteer IN (SELECT value FROM json_each(:volunteers));

-- name: blacklisted()$
-- How many volunteers were found out, a task.
SELECT count(*) FROM voters WHERE standing = 'blacklisted';

-- name: lies()$
-- How many answers were lies: texts, where numbers are right.
SELECT count(*) FROM results r JOIN tasks t ON t.number = r.task
WHERE t.name IN ('checked', 'voted') AND r.outcome = 0 AND substr(CAST(r.data AS TEXT), 1, 1) = '"';

-- name: trusted()
-- Volunteers that are believed outright: a lie of theirs would be no fault of the manager's.
SELECT task, volunteer FROM voters WHERE trusted;

-- name: begin_acknowledged#
-- Where volunteers' journals are read into.
CREATE TEMP TABLE acknowledged (task INTEGER NOT NULL, lease INTEGER NOT NULL, idx INTEGER NOT NULL);

-- name: add_acknowledged(task, lease, idx)*!
-- What volunteers were told.
INSERT INTO acknowledged (task, lease, idx) VALUES (:task, :lease, :idx);

-- name: acknowledged_lost()
-- A result that was acknowledged, has no row, and whose payload has no accepted answer of somebody else either. (What a
-- volunteer answered with leases that it never had, index -1, may be acknowledged by a spool, and counts for nothing.)
SELECT a.task, a.idx, a.lease FROM acknowledged a
LEFT JOIN results r ON r.lease = a.lease AND r.task = a.task
LEFT JOIN verdicts v ON v.task = a.task AND v.idx = a.idx AND v.state = 1
WHERE r.lease IS NULL AND v.task IS NULL AND a.idx >= 0;

-- name: acknowledged_superfluous()$
-- How many were acknowledged by a spool, and found their payload settled when they reached the manager.
SELECT count(*) FROM acknowledged a
LEFT JOIN results r ON r.lease = a.lease AND r.task = a.task
WHERE r.lease IS NULL AND a.idx >= 0;

-- name: acknowledged_elsewhere()
-- A result that was acknowledged and is a row of another payload.
SELECT a.task, a.idx, a.lease, r.idx AS other FROM acknowledged a
JOIN results r ON r.lease = a.lease AND r.task = a.task
WHERE a.idx >= 0 AND r.idx <> a.idx;

-- name: spooled()
-- For a distributor's spool: what was not delivered.
SELECT row, manager, task, volunteer FROM parcels;
