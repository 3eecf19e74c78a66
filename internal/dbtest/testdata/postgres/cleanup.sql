-- DeleteExpiredSessions

WITH picked AS (SELECT "id", "expires" FROM "user_sessions" WHERE "expires" >= $1 AND "expires" <= $2 ORDER BY "expires" LIMIT $3 FOR UPDATE SKIP LOCKED), gone AS (DELETE FROM "user_sessions" WHERE "id" = ANY (ARRAY(SELECT "id" FROM picked)) AND ("expires" <= $4) IS TRUE RETURNING "id") SELECT (SELECT count(*) FROM picked), (SELECT count(*) FROM gone), (SELECT max("expires") FROM picked);
--   with time.Time, time.Time, int64, time.Time
