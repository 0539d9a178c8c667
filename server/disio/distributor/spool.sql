-- name: get_meta(key)$
-- A fact about this distributor.
SELECT value FROM meta WHERE key = :key;

-- name: set_meta(key, value)!
-- Write a fact down, once.
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT DO NOTHING;

-- name: list_managers()
-- Managers ever met.
SELECT manager FROM managers;

-- name: add_manager(manager)!
-- A manager has welcomed this distributor.
INSERT INTO managers (manager) VALUES (:manager) ON CONFLICT DO NOTHING;

-- name: add_parcels(manager, task, volunteer, items, data)*!
-- Keep frames of results.
INSERT INTO parcels (manager, task, volunteer, items, data)
VALUES (:manager, :task, :volunteer, :items, :data);

-- name: get_parcel(manager, after)^
-- The first parcel of a manager after a row: delivery goes in order.
SELECT row, task, volunteer, items, data FROM parcels
WHERE manager = :manager AND row > :after
ORDER BY row LIMIT 1;

-- name: delete_parcels(row)*!
-- The manager has committed these.
DELETE FROM parcels WHERE row = :row;

-- name: count_by_manager()
-- How many frames wait for each manager.
SELECT manager, count(*) FROM parcels GROUP BY manager ORDER BY manager;

-- name: sizes()^
-- How many frames wait, and how many bytes they hold.
SELECT count(*), coalesce(sum(length(items) + length(data)), 0) FROM parcels;
