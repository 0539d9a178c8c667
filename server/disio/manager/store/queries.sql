-- ==== the connection ====

-- name: set_writing#
-- The connection that writes: a commit is on the disk when it returns.
-- What is replaced or removed is overwritten where that costs no more writing.
PRAGMA synchronous = FULL;
PRAGMA busy_timeout = 5000;
PRAGMA secure_delete = FAST;

-- name: set_auto_vacuum#
-- Free pages can be given back to the disk bit by bit. Only heeded in a file that is still empty.
PRAGMA auto_vacuum = INCREMENTAL;

-- name: set_wal()$
-- Readers and the writer do not wait for each other.
PRAGMA journal_mode = WAL;

-- name: set_reading#
-- The connection that reads cannot write.
PRAGMA query_only = ON;
PRAGMA busy_timeout = 5000;

-- name: get_application_id()$
-- Whose file this is.
PRAGMA application_id;

-- name: get_schema_version()$
-- How many of the files in schema/ this database has seen.
PRAGMA user_version;

-- name: get_expected_size()$
-- Bytes that the file has, if nothing of it is missing.
SELECT page_count * page_size FROM pragma_page_count, pragma_page_size;

-- name: check_pages()$
-- Whether every page is what it should be: "ok", or the first thing that is wrong.
PRAGMA quick_check(1);

-- name: count_tables()$
-- Tables in the file, whoever made them.
SELECT count(*) FROM sqlite_master WHERE type = 'table';

-- ==== what there is one of ====

-- name: get_meta(key)$
-- A value by its key.
SELECT value FROM meta WHERE key = :key;

-- name: set_meta*!
-- Set a value.
INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- ==== writing, in the order in which a group is written ====

-- name: add_files*!
-- Units' sources; the same source may come with many tasks.
INSERT INTO files (sha256, data) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING;

-- name: add_tasks*!
-- New tasks.
INSERT INTO tasks
    (
        number, name, filename, description, unit, params, priority, timeout, has_split, has_reduce, created, open, owner,
        kit, rules, has_agree, warnings, sites, homepage
    )
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_payloads*!
-- The next payloads of a task, as split gives them.
INSERT INTO payloads (task, idx, data) VALUES (?, ?, ?);

-- name: add_results*!
-- What volunteers answered.
INSERT INTO results (lease, task, idx, volunteer, outcome, data, ms, log, received, browser)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: set_voters*!
-- Volunteers whose answers are votes.
INSERT INTO voters (task, volunteer, network, trusted, standing, picky_from, faults) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task, volunteer) DO UPDATE
SET standing = excluded.standing, picky_from = excluded.picky_from, faults = excluded.faults;

-- name: add_uncompared*!
-- Answers that are to be compared with others before they are votes.
INSERT INTO uncompared (lease, task) VALUES (?, ?);

-- name: delete_uncompared*!
-- They were.
DELETE FROM uncompared WHERE lease = ?;

-- name: add_votes*!
-- Results that are votes. Only a trusted volunteer's failure may be followed by another try: else, a NULL is refused.
INSERT INTO votes (task, idx, volunteer, digest, stint, position, lease, network, is_check)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task, idx, volunteer) DO UPDATE
SET digest = CASE WHEN length(votes.digest) = 0 AND votes.network IS NULL THEN excluded.digest END,
    stint = excluded.stint, position = excluded.position, lease = excluded.lease;

-- name: delete_verdicts*!
-- Payloads whose answer is not believed any more: they go out again.
DELETE FROM verdicts WHERE task = ? AND idx = ?;

-- name: set_verdicts*!
-- Payloads that are settled, or for which another lease stands.
INSERT INTO verdicts (task, idx, state, lease, final, settled) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (task, idx) DO UPDATE
SET state = excluded.state, lease = excluded.lease, final = excluded.final, settled = excluded.settled;

-- name: forget_verdicts*!
-- Settled payloads that are not in memory any more.
UPDATE verdicts SET final = 1 WHERE task = ? AND idx = ?;

-- name: doubt_voters*!
-- What these volunteers answered, and what rests on their states, is to be judged anew.
UPDATE verdicts SET final = 0
WHERE task = ?1 AND idx IN (
    SELECT idx FROM votes WHERE task = ?1 AND volunteer = ?2
    UNION SELECT idx FROM touches WHERE task = ?1 AND volunteer = ?2
);

-- name: doubt_stints*!
-- Less speaks for what these volunteers answered in these stints: it is to be judged anew.
UPDATE verdicts SET final = 0
WHERE task = ?1 AND idx IN (SELECT idx FROM votes WHERE task = ?1 AND volunteer = ?2 AND stint = ?3);

-- name: delete_leases*!
-- Leases that were answered, or whose payload is settled.
DELETE FROM leases WHERE id = ?;

-- name: end_leases*!
-- Leases that ended without an answer: their payloads go out again.
UPDATE leases SET state = 1 WHERE id = ? AND state = 0;

-- name: resume_leases*!
-- Ended leases whose volunteer came back before their payload went to somebody else.
UPDATE leases SET state = 0, issued = ?, seconds = ? WHERE id = ? AND state = 1;

-- name: add_leases*!
-- Payloads handed out.
INSERT INTO leases (id, task, idx, volunteer, issued, seconds, is_check) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: add_touches*!
-- Whose work leases go on with.
INSERT INTO touches (lease, task, idx, volunteer) VALUES (?, ?, ?, ?);

-- name: set_checkpoints*!
-- The last states that volunteers kept of payloads.
INSERT INTO checkpoints (task, idx, volunteer, lease, data) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (task, idx, volunteer) DO UPDATE SET lease = excluded.lease, data = excluded.data;

-- name: delete_checkpoints*!
-- States from which nobody will go on.
DELETE FROM checkpoints WHERE task = ? AND idx = ? AND volunteer = ?;

-- name: delete_task_checkpoints*!
-- All states of tasks that have ended.
DELETE FROM checkpoints WHERE task = ?;

-- name: add_events*!
-- What units told.
INSERT INTO events (task, idx, volunteer, data, at) VALUES (?, ?, ?, ?, ?);

-- name: trim_events*!
-- All events of a task but the last ones.
DELETE FROM events
WHERE task = ? AND at <= (SELECT at FROM events WHERE task = ? ORDER BY at DESC LIMIT 1 OFFSET ?);

-- name: delete_task_leases*!
-- All leases of tasks that have ended.
DELETE FROM leases WHERE task = ?;

-- name: delete_task_uncompared*!
-- All answers of tasks that have ended which wait to be compared.
DELETE FROM uncompared WHERE task = ?;

-- name: add_answers*!
-- What reduce returned.
INSERT INTO answers (task, data) VALUES (?, ?);

-- name: update_tasks*!
-- Where tasks stand.
UPDATE tasks
SET state = ?, error = ?, finished = ?, open = ?, split_done = ?, total = ?, stored = ?, split_digest = ?,
    accepted = ?, failed = ?, executions = ?, computing_ms = ?, disagreements = ?, blacklisted = ?, doubt_sum = ?,
    warnings = ?
WHERE number = ?;

-- ==== removing what an ended task has, bit by bit; its own row is the last ====

-- name: erase_payloads(task, first, count)!
-- A range of a task's payloads.
DELETE FROM payloads WHERE task = :task AND idx >= :first AND idx < :first + :count;

-- name: erase_verdicts(task, first, count)!
-- A range of a task's verdicts.
DELETE FROM verdicts WHERE task = :task AND idx >= :first AND idx < :first + :count;

-- name: get_last_lease(first, count)$
-- Where a stretch of so many results ends, whosever they are; null: there are none.
SELECT max(lease) FROM (SELECT lease FROM results WHERE lease >= :first ORDER BY lease LIMIT :count);

-- name: erase_results(task, first, last)!
-- A task's results in a stretch.
DELETE FROM results WHERE lease >= :first AND lease <= :last AND task = :task;

-- name: erase_votes(task, first, count)!
-- The votes for a range of a task's payloads.
DELETE FROM votes WHERE task = :task AND idx >= :first AND idx < :first + :count;

-- name: erase_touches(task)!
-- Whose work leases went on with.
DELETE FROM touches WHERE task = :task;

-- name: erase_voters(task)!
-- What was known of a task's volunteers.
DELETE FROM voters WHERE task = :task;

-- name: erase_answer(task)!
-- What a task's reduce returned.
DELETE FROM answers WHERE task = :task;

-- name: erase_events(task)!
-- What a task's units told.
DELETE FROM events WHERE task = :task;

-- name: erase_task(task)!
-- The task itself.
DELETE FROM tasks WHERE number = :task;

-- name: erase_unused_files()!
-- Sources of units that no task uses.
DELETE FROM files WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.unit = files.sha256);

-- name: get_page_size()$
-- Bytes of a page.
PRAGMA page_size;

-- name: count_free_pages()$
-- Pages of the file that hold nothing.
PRAGMA freelist_count;

-- name: give_back_pages#
-- Free pages, up to so many, back to the disk.
PRAGMA incremental_vacuum(1000);

-- name: move_log_into_file#
-- The write-ahead log into the file itself, as far as nobody is in the way; only then does the file become shorter.
PRAGMA wal_checkpoint(PASSIVE);

-- name: empty_log#
-- The write-ahead log into the file itself, and nothing stays of what was in it.
PRAGMA wal_checkpoint(TRUNCATE);

-- ==== reading ====

-- name: get_tasks()
-- All tasks, oldest first, and whether they have an answer.
SELECT t.*, EXISTS (SELECT 1 FROM answers a WHERE a.task = t.number) AS has_answer
FROM tasks t
ORDER BY t.number;

-- name: get_file(sha256)$
-- A unit's source.
SELECT data FROM files WHERE sha256 = :sha256;

-- name: get_files_in_use()
-- The hashes of all files that tasks' kits name.
SELECT DISTINCT j.value FROM tasks t, json_tree(t.kit) j WHERE j.key = 'sha256' AND j.type = 'text';

-- name: get_answer(task)$
-- What reduce returned.
SELECT data FROM answers WHERE task = :task;

-- name: get_leases()
-- All leases without a result.
SELECT id, task, idx, volunteer, state, issued, seconds, is_check FROM leases ORDER BY id;

-- name: get_open_payloads(task)
-- Payloads of a task that are not settled.
SELECT p.idx FROM payloads p
WHERE p.task = :task AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.task = p.task AND v.idx = p.idx)
ORDER BY p.idx;

-- name: get_doubted(task)
-- Settled payloads of which something was in memory.
SELECT idx FROM verdicts WHERE task = :task AND final = 0;

-- name: get_ballots(indexes, task)
-- Votes for these payloads (a JSON array), and for all that their voters answered in the same stints; with verdicts.
WITH named AS (SELECT value AS idx FROM json_each(:indexes)),
stints AS (
    SELECT DISTINCT v.volunteer, v.stint FROM named CROSS JOIN votes v ON v.task = :task AND v.idx = named.idx
),
near AS (
    SELECT idx FROM named
    UNION
    SELECT v.idx FROM stints
    CROSS JOIN votes v ON v.task = :task AND v.volunteer = stints.volunteer AND v.stint = stints.stint
)
SELECT v.idx, v.volunteer, v.digest, v.stint, v.position, v.lease, v.network, v.is_check, x.state, x.lease AS stands
FROM near
CROSS JOIN votes v ON v.task = :task AND v.idx = near.idx
LEFT JOIN verdicts x ON x.task = :task AND x.idx = near.idx
ORDER BY v.idx, v.lease;

-- name: get_voters(volunteers, task)
-- What is known of these volunteers (a JSON array).
SELECT v.volunteer, v.network, v.trusted, v.standing, v.picky_from, v.faults
FROM json_each(:volunteers) j CROSS JOIN voters v ON v.task = :task AND v.volunteer = j.value;

-- name: get_bad_voters(task)
-- Volunteers that are suspected, or blacklisted.
SELECT volunteer, network, trusted, standing, picky_from, faults FROM voters
WHERE task = :task AND standing <> 'good';

-- name: get_verdict(task, index)^
-- What is decided about a payload.
SELECT state, lease FROM verdicts WHERE task = :task AND idx = :index;

-- name: get_votes_for(task, index)
-- All votes for a payload, in the order of their leases.
SELECT v.*, w.standing, w.trusted, r.received, r.ms FROM votes v
CROSS JOIN voters w ON w.task = v.task AND w.volunteer = v.volunteer
CROSS JOIN results r ON r.lease = v.lease
WHERE v.task = :task AND v.idx = :index
ORDER BY v.lease;

-- name: get_answers_for(task, index)
-- Failures of a payload and the answer that was taken, where the first one is.
SELECT lease, volunteer, outcome, received, ms FROM results WHERE task = :task AND idx = :index AND outcome = 1
UNION
SELECT r.lease, r.volunteer, r.outcome, r.received, r.ms FROM verdicts x CROSS JOIN results r ON r.lease = x.lease
WHERE x.task = :task AND x.idx = :index
ORDER BY 1;

-- name: get_uncompared(task)
-- Answers that are to be compared with others, in the order of their leases.
SELECT r.lease, r.volunteer, r.idx, r.data FROM uncompared u CROSS JOIN results r ON r.lease = u.lease
WHERE u.task = :task
ORDER BY r.lease;

-- name: get_answer_bytes(leases)
-- What was answered for these leases (a JSON array), in their order.
SELECT r.data FROM json_each(:leases) j CROSS JOIN results r ON r.lease = j.value ORDER BY j.key;

-- name: get_votes_of(task, volunteer, stint)
-- Payloads that a volunteer voted on, in one stint if one is given; if not, those as well of which it kept states on
-- which others' leases rest.
SELECT idx FROM votes
WHERE task = :task AND volunteer = :volunteer AND (:stint IS NULL OR stint = :stint)
UNION SELECT idx FROM touches
WHERE task = :task AND volunteer = :volunteer AND :stint IS NULL;

-- name: get_undecided_failures(task)
-- Failures of payloads that are not settled, where the first answer is taken.
SELECT r.idx, r.lease, r.volunteer FROM results r
WHERE r.task = :task AND r.outcome = 1
    AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.task = r.task AND v.idx = r.idx)
ORDER BY r.lease;

-- name: get_payloads(indexes, task, bytes)
-- Payloads by their indexes (a JSON array): at least the first, then as many as fit the bytes.
WITH wanted AS (
    SELECT j.key AS place, j.value AS idx, sum(length(p.data)) OVER (ORDER BY j.key) AS bytes
    FROM json_each(:indexes) j
    CROSS JOIN payloads p ON p.task = :task AND p.idx = j.value
)
SELECT w.idx, p.data FROM wanted w
CROSS JOIN payloads p ON p.task = :task AND p.idx = w.idx
WHERE w.bytes <= :bytes OR w.place = 0
ORDER BY w.place;

-- name: get_begun(task)
-- The states of a task's payloads, oldest first: which payload, who kept it, with which lease.
SELECT idx, volunteer, lease FROM checkpoints WHERE task = :task ORDER BY rowid;

-- name: get_checkpoint(task, idx, volunteer)$
-- The last state that a volunteer kept of a payload.
SELECT data FROM checkpoints WHERE task = :task AND idx = :idx AND volunteer = :volunteer;

-- name: get_touches(leases)
-- On whose work these leases (a JSON array) go on.
SELECT t.lease, t.volunteer FROM json_each(:leases) j CROSS JOIN touches t ON t.lease = j.value;

-- name: get_events(task, after)
-- What a task's units told, after a moment.
SELECT at, idx, volunteer, data FROM events WHERE task = :task AND at > :after ORDER BY at;

-- name: get_answered(leases)
-- Which of these leases (a JSON array) have a result, and whose they were.
SELECT r.lease, r.task, r.volunteer FROM json_each(:leases) j CROSS JOIN results r ON r.lease = j.value;

-- name: get_results(task, after, limit, bytes)
-- Accepted results after an index, in order, at least one, then as many as fit the limit and the bytes.
WITH page AS (
    SELECT v.idx, v.lease, v.settled, sum(length(p.data) + length(r.data) + coalesce(length(r.log), 0) + 64)
        OVER (ORDER BY v.idx ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS bytes
    FROM (
        SELECT idx, lease, settled FROM verdicts
        WHERE task = :task AND idx > :after AND state = 1
        ORDER BY idx LIMIT :limit
    ) v
    CROSS JOIN payloads p ON p.task = :task AND p.idx = v.idx
    CROSS JOIN results r ON r.lease = v.lease
)
SELECT page.idx, p.data AS payload, r.data AS answer, r.ms, r.volunteer, r.log, page.settled,
    max(1, a.votes) AS votes
FROM page
CROSS JOIN payloads p ON p.task = :task AND p.idx = page.idx
CROSS JOIN results r ON r.lease = page.lease
CROSS JOIN agreed a ON a.task = :task AND a.idx = page.idx
WHERE page.bytes <= :bytes OR page.idx = (SELECT min(idx) FROM page)
ORDER BY page.idx;

-- name: get_last_settled()$
-- The last moment at which a payload was settled or an event came.
SELECT max(
    (SELECT max(v.settled) FROM verdicts v WHERE v.task = t.number),
    coalesce((SELECT max(e.at) FROM events e WHERE e.task = t.number), 0)
) AS last
FROM tasks t ORDER BY last DESC LIMIT 1;

-- name: get_outcomes_by_index(task, after, limit, bytes, payloads)
-- Settled payloads after an index, in order, at least one, then as many as fit the limit and the bytes.
WITH page AS (
    SELECT v.idx, v.settled, v.state, v.lease, sum(length(p.data) * :payloads + length(r.data) + 64)
        OVER (ORDER BY v.idx ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS bytes
    FROM (
        SELECT idx, settled, state, lease FROM verdicts
        WHERE task = :task AND idx > :after
        ORDER BY idx LIMIT :limit
    ) v
    CROSS JOIN payloads p ON p.task = :task AND p.idx = v.idx
    CROSS JOIN results r ON r.lease = v.lease
)
SELECT page.idx, page.settled, page.state, r.data, iif(:payloads, p.data, x'') AS payload, r.ms, r.volunteer, r.log,
    max(1, a.votes) AS votes
FROM page
CROSS JOIN payloads p ON p.task = :task AND p.idx = page.idx
CROSS JOIN results r ON r.lease = page.lease
CROSS JOIN agreed a ON a.task = :task AND a.idx = page.idx
WHERE page.bytes <= :bytes OR page.idx = (SELECT min(idx) FROM page)
ORDER BY page.idx;

-- name: get_outcomes_by_settled(task, after, limit, bytes, payloads)
-- Settled payloads in the order in which they were settled, after such a time; as get_outcomes_by_index.
WITH page AS (
    SELECT v.idx, v.settled, v.state, v.lease, sum(length(p.data) * :payloads + length(r.data) + 64)
        OVER (ORDER BY v.settled ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS bytes
    FROM (
        SELECT idx, settled, state, lease FROM verdicts
        WHERE task = :task AND settled > :after
        ORDER BY settled LIMIT :limit
    ) v
    CROSS JOIN payloads p ON p.task = :task AND p.idx = v.idx
    CROSS JOIN results r ON r.lease = v.lease
)
SELECT page.idx, page.settled, page.state, r.data, iif(:payloads, p.data, x'') AS payload, r.ms, r.volunteer, r.log,
    max(1, a.votes) AS votes
FROM page
CROSS JOIN payloads p ON p.task = :task AND p.idx = page.idx
CROSS JOIN results r ON r.lease = page.lease
CROSS JOIN agreed a ON a.task = :task AND a.idx = page.idx
WHERE page.bytes <= :bytes OR page.settled = (SELECT min(settled) FROM page)
ORDER BY page.settled;

-- name: has_results_after(task, after)$
-- Whether there are accepted results after an index.
SELECT EXISTS (SELECT 1 FROM verdicts WHERE task = :task AND idx > :after AND state = 1);

-- name: has_failures_after(task, after)$
-- Whether there are payloads set aside after an index.
SELECT EXISTS (SELECT 1 FROM verdicts WHERE task = :task AND idx > :after AND state = 2);

-- name: get_failures(task, after, limit)
-- Payloads set aside after an index, in order, each with its last failure.
SELECT v.idx, p.data AS payload, r.data AS failure, r.log
FROM verdicts v
CROSS JOIN payloads p ON p.task = v.task AND p.idx = v.idx
CROSS JOIN results r ON r.lease = v.lease
WHERE v.task = :task AND v.idx > :after AND v.state = 2
ORDER BY v.idx LIMIT :limit;

-- name: get_failed_volunteers(indexes, task)
-- In which volunteers, with which browsers, payloads of a task (a JSON array of indexes) failed, in order.
SELECT r.idx, r.volunteer, r.browser FROM json_each(:indexes) j
CROSS JOIN results r ON r.task = :task AND r.idx = j.value AND r.outcome = 1
ORDER BY r.lease;
