-- When each result of a task reached its manager, in order.
SELECT received FROM results WHERE task = :task ORDER BY received;
