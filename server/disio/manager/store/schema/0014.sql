-- Whoever votes is known, and no lease stays of what is decided for good.
BEGIN EXCLUSIVE;

-- A volunteer that was given nothing when it first asked was not stored when it was given something later.
INSERT OR IGNORE INTO voters (task, volunteer, network, trusted, standing, faults)
SELECT DISTINCT task, volunteer, network, 0, 'good', 0 FROM votes;

DELETE FROM leases WHERE state = 1
    AND EXISTS (SELECT 1 FROM verdicts v WHERE v.task = leases.task AND v.idx = leases.idx AND v.final = 1);

PRAGMA user_version = 14;
COMMIT;
