-- DeleteExpiredSessions

BEGIN; -- READ COMMITTED
SELECT `id`, CAST(`expires` AS CHAR) FROM `user_sessions` WHERE `expires` >= ? AND `expires` <= ? ORDER BY `expires` LIMIT ? FOR UPDATE SKIP LOCKED;
--   with string, string, int64
DELETE `user_sessions` FROM `user_sessions` FORCE INDEX (PRIMARY) WHERE `expires` <= ? AND `id` IN (7,7);
--   with string
COMMIT;
