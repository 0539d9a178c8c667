-- What the tests of the checker break in a sound database. Each breaks the rule that has its name.

-- name: unsettled#
-- A payload has lost its verdict, and its counter was lowered with it.
DELETE FROM verdicts WHERE task = 1 AND idx = 3;
UPDATE tasks SET accepted = accepted - 1 WHERE number = 1;

-- name: settled_twice#
-- The table without the key that forbids it. No view may name it meanwhile.
DROP VIEW agreed;
CREATE TABLE copy AS SELECT * FROM verdicts;
INSERT INTO copy SELECT * FROM verdicts WHERE task = 1 AND idx = 3;
DROP TABLE verdicts;
ALTER TABLE copy RENAME TO verdicts;

-- name: verdicts_without_result#
-- A verdict that rests on another payload's result.
UPDATE verdicts SET lease = (SELECT lease FROM verdicts WHERE task = 1 AND idx = 4) WHERE task = 1 AND idx = 3;

-- name: verdicts_without_payload#
-- A verdict about nothing.
INSERT INTO verdicts (task, idx, state, lease) SELECT 1, 1000000, 1, min(lease) FROM results;

-- name: results_without_payload#
-- A result of nothing.
INSERT INTO results (lease, task, idx, volunteer, outcome, data, ms, received)
SELECT lease + 500000, 1, 1000000, volunteer, outcome, data, ms, received FROM results LIMIT 1;

-- name: results_of_one_lease#
-- The table without the key that forbids it, and a result that was counted twice.
CREATE TABLE copy AS SELECT * FROM results;
INSERT INTO copy SELECT * FROM results LIMIT 1;
DROP TABLE results;
ALTER TABLE copy RENAME TO results;

-- name: leases_left#
-- A lease of a payload that is settled.
INSERT INTO leases (id, task, idx, volunteer, issued, seconds) VALUES (900000, 1, 3, 'v', 0, 1);

-- name: leases_used_again#
-- The mark is below what was given.
UPDATE meta SET value = 2 WHERE key = 'leases';

-- name: counters#
-- A result was counted twice.
UPDATE tasks SET executions = executions + 1 WHERE number = 1;

-- name: unfinished#
-- A task that did not end well.
UPDATE tasks SET state = 'failed', error = 'planted' WHERE number = 1;

-- name: gaps#
-- A payload is gone.
DELETE FROM payloads WHERE task = 1 AND idx = 3;

-- name: votes_without_result#
-- A vote whose result is another volunteer's.
UPDATE votes SET lease = (SELECT max(lease) FROM results)
WHERE (task, idx, volunteer) = (SELECT task, idx, volunteer FROM votes ORDER BY task, idx LIMIT 1);

-- name: votes_missing#
-- The votes of all but one volunteer are gone.
DELETE FROM votes WHERE task = 7 AND lease NOT IN (SELECT lease FROM verdicts);

-- name: uncompared#
-- An answer that was forgotten.
INSERT INTO uncompared (lease, task) SELECT lease, task FROM results LIMIT 1;

-- name: foreign_keys#
-- The unit of a task is gone.
DELETE FROM files;

-- ==== rules that are not SQL alone ====

-- name: wrong_answer(data)!
-- Another answer than the right one.
UPDATE results SET data = :data WHERE lease = (SELECT lease FROM verdicts WHERE task = 1 AND idx = 3);

-- name: other_payload(data)!
-- Another payload than the submitted one.
UPDATE payloads SET data = :data WHERE task = 1 AND idx = 3;

-- name: wrong_reduce(data)!
-- Another answer of reduce.
UPDATE answers SET data = :data;

-- name: lost_result(lease)!
-- A result is gone.
DELETE FROM results WHERE lease = :lease;

-- name: lost_verdict(lease)!
-- Its verdict is gone too.
DELETE FROM verdicts WHERE lease = :lease;

-- name: results()
-- What volunteers were told.
SELECT task, lease, idx FROM results;

-- name: spool#
-- A frame that was not delivered.
INSERT INTO parcels (manager, task, volunteer, items, data) VALUES ('mgr001', 'mgr001-1', 'v', x'90', x'');

-- name: page_of_index()$
-- Where an index begins in the file.
SELECT rootpage FROM sqlite_master WHERE name = 'open_leases';

-- name: page_size()$
-- How long a page is.
PRAGMA page_size;

-- name: trusted#
-- Somebody is believed outright.
UPDATE voters SET trusted = 1;
