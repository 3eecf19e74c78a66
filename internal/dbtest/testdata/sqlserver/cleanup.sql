-- DeleteExpiredSessions

DELETE FROM "user_sessions" WITH (READPAST, ROWLOCK) WHERE "expires" <= @p1 AND "id" IN (SELECT TOP (250) "id" FROM "user_sessions" WITH (READPAST, UPDLOCK, ROWLOCK) WHERE "expires" <= @p2 ORDER BY "expires");
--   with time.Time, time.Time
