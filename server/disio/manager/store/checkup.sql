-- What must hold between the rows of a manager's database. Tasks that are being deleted may have lost a part already.

-- name: get_unowned()
-- Rows of tasks that are not there, by table.
SELECT 'payloads' AS rows, count(*) AS count FROM payloads r WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.number = r.task)
UNION ALL
SELECT 'leases', count(*) FROM leases r WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.number = r.task)
UNION ALL
SELECT 'results', count(*) FROM results r WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.number = r.task)
UNION ALL
SELECT 'verdicts', count(*) FROM verdicts r WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.number = r.task);

-- name: count_results_without_payload()$
-- Results of payloads that are not there.
SELECT count(*) FROM results r JOIN tasks t ON t.number = r.task AND t.state <> 'deleting'
WHERE NOT EXISTS (SELECT 1 FROM payloads p WHERE p.task = r.task AND p.idx = r.idx);

-- name: count_unfounded_verdicts()$
-- Verdicts that rest on no result of their payload, or on one of the wrong kind.
SELECT count(*) FROM verdicts v JOIN tasks t ON t.number = v.task AND t.state <> 'deleting'
LEFT JOIN results r ON r.lease = v.lease AND r.task = v.task AND r.idx = v.idx
WHERE r.lease IS NULL OR r.outcome <> v.state - 1;

-- name: get_voted()
-- Answers that were voted on as they are, and what was voted for.
SELECT CAST(r.data AS BLOB), v.digest FROM votes v
JOIN tasks t ON t.number = v.task AND t.state <> 'deleting' AND t.has_agree = 0
JOIN results r ON r.lease = v.lease
WHERE length(v.digest) > 0;

-- name: count_idle_leases()$
-- Leases of tasks that hand out nothing any more, or of payloads that are settled.
SELECT count(*) FROM leases l JOIN tasks t ON t.number = l.task
WHERE t.state NOT IN ('running', 'paused')
    OR (
        l.is_check = 0
        AND EXISTS (SELECT 1 FROM verdicts v WHERE v.task = l.task AND v.idx = l.idx AND v.final = 1)
    );

-- name: get_counts()
-- What tasks say of themselves beside what their rows say.
SELECT t.number, t.state, t.stored, t.accepted, t.failed,
    (SELECT count(*) FROM payloads p WHERE p.task = t.number) AS payload_rows,
    (SELECT count(*) FROM verdicts v WHERE v.task = t.number AND v.state = 1) AS accepted_rows,
    (SELECT count(*) FROM verdicts v WHERE v.task = t.number AND v.state = 2) AS failed_rows
FROM tasks t
WHERE t.state <> 'deleting'
ORDER BY t.number;

-- name: get_states()
-- How many tasks there are in each state.
SELECT state, count(*) FROM tasks GROUP BY state ORDER BY state;

-- name: count_stale_checkpoints()$
-- States of payloads that need none any more.
SELECT count(*) FROM checkpoints c LEFT JOIN tasks t ON t.number = c.task
WHERE coalesce(t.state NOT IN ('running', 'paused'), 1)
    OR EXISTS (SELECT 1 FROM verdicts v WHERE v.task = c.task AND v.idx = c.idx AND v.final = 1);

-- name: count_leases_to_come()$
-- Leases and results whose ids could be given again.
SELECT (SELECT count(*) FROM leases WHERE id >= m.value) + (SELECT count(*) FROM results WHERE lease >= m.value)
FROM meta m WHERE m.key = 'leases';

-- name: get_kits()
-- What tasks need beside their units' sources.
SELECT DISTINCT kit FROM tasks WHERE state <> 'deleting';

-- name: get_manager()$
-- This manager's id.
SELECT value FROM meta WHERE key = 'manager';

-- name: set_copy_apart()#
-- In a copy: what the manager it was taken from gives out later (leases, numbers of tasks) is not given out again here.
UPDATE meta SET value = value + 1099511627776 WHERE key = 'leases';
UPDATE meta SET value = value + 100 WHERE key = 'tasks';
