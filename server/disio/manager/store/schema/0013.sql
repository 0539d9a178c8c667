-- How many agree, for whoever reads answers.
BEGIN EXCLUSIVE;

-- How many voted for what stands for a payload: 0 where no answer was voted on.
CREATE VIEW agreed (task, idx, votes) AS
SELECT x.task, x.idx, (
    SELECT count(*) FROM votes one
    CROSS JOIN votes same ON same.task = one.task AND same.idx = one.idx AND same.digest = one.digest
    WHERE one.task = x.task AND one.idx = x.idx AND one.lease = x.lease
)
FROM verdicts x;

PRAGMA user_version = 13;
COMMIT;
