-- DeleteExpiredSessions

DELETE FROM `user_sessions` WHERE `id` IN (SELECT `id` FROM `user_sessions` WHERE `expires` <= ? ORDER BY `expires` LIMIT ?);
--   with string, int64
