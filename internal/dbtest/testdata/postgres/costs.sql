-- get: at most 66 allocations

SELECT "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5);
--   with string, string, string, string, time.Time

-- create: at most 30 allocations

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT DO NOTHING;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- update: at most 35 allocations

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- update, conditional: at most 35 allocations

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11) AND "version" = $12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64

-- delete: at most 23 allocations

DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C";
--   with string, string, string, string

-- replace, nothing there: at most 44 allocations

WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- replace, one there: at most 44 allocations

WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- list, 10 of a subject: at most 184 allocations

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "subject_id" = $3 AND "subject_id"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) ORDER BY "id";
--   with string, string, string, string, time.Time

-- page of 50: at most 559 allocations

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "id" < $3 AND ("expires" IS NULL OR "expires" > $4) ORDER BY "id" DESC LIMIT $5;
--   with string, string, int64, time.Time, int

-- revoke by session id: at most 24 allocations

DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "session_id" = $3 AND "session_id"::text = $4 COLLATE "C";
--   with string, string, string, string
