-- What the spool of a distributor holds.

-- name: get_distributor()$
-- Its name in the grid.
SELECT value FROM meta WHERE key = 'id';

-- name: get_waiting()
-- Frames and bytes that wait, by manager, and whether that manager was ever met.
SELECT p.manager, count(*) AS frames, sum(length(p.items) + length(p.data)) AS bytes,
    EXISTS (SELECT 1 FROM managers m WHERE m.manager = p.manager) AS met
FROM parcels p GROUP BY p.manager ORDER BY p.manager;

-- name: get_parcels()
-- Every frame.
SELECT row, items, length(data) AS size FROM parcels ORDER BY row;
