-- GetUserSession

SELECT "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5);
--   with string, string, string, string, time.Time

-- CreateUserSession

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT DO NOTHING;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- ReplaceUserSession

WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- CreateUserSession, without a session id, an expiry and a ticket

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES ($1, $2, $3, NULL, $4, $5, NULL, 1, $6) ON CONFLICT DO NOTHING;
--   with string, string, string, time.Time, time.Time, []uint8

-- UpdateUserSession

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, without a session id, an expiry and a ticket

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = NULL, "created" = $2, "renewed" = $3, "expires" = NULL, "ticket" = $4, "version" = "version" + 1 WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "key" = $7 AND "key"::text = $8 COLLATE "C" AND ("expires" IS NULL OR "expires" > $9);
--   with string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, IfVersion

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11) AND "version" = $12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64

-- UpdateUserSession, IfVersion, too late

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11) AND "version" = $12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64
SELECT "version" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5);
--   with string, string, string, string, time.Time

-- UpdateUserSession, keeps Created

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "renewed" = $3, "expires" = $4, "ticket" = $5, "version" = "version" + 1 WHERE "partition_key" = $6 AND "partition_key"::text = $7 COLLATE "C" AND "key" = $8 AND "key"::text = $9 COLLATE "C" AND ("expires" IS NULL OR "expires" > $10);
--   with string, string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals

WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $6 AND "partition_key"::text = $7 COLLATE "C" AND "session_id" = $8 AND "session_id"::text = $9 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $10, "session_id" = $11, "created" = $12, "renewed" = $13, "expires" = $14, "ticket" = $15, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- UpdateUserSession, ReplaceRivals, IfVersion

WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) AND "version" = $6 FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "session_id" = $9 AND "session_id"::text = $10 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $11, "session_id" = $12, "created" = $13, "renewed" = $14, "expires" = $15, "ticket" = $16, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, int64, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- UpdateUserSession, ReplaceRivals, IfVersion, too late

WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) AND "version" = $6 FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "session_id" = $9 AND "session_id"::text = $10 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $11, "session_id" = $12, "created" = $13, "renewed" = $14, "expires" = $15, "ticket" = $16, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, int64, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
SELECT "version" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5);
--   with string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals without a session id

UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = NULL, "created" = $2, "renewed" = $3, "expires" = NULL, "ticket" = $4, "version" = "version" + 1 WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "key" = $7 AND "key"::text = $8 COLLATE "C" AND ("expires" IS NULL OR "expires" > $9);
--   with string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- DeleteUserSessionVersion

DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND "version" = $5;
--   with string, string, string, string, int64

-- DeleteUserSession

DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C";
--   with string, string, string, string

-- GetUserSessions, by subject id

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "subject_id" = $3 AND "subject_id"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) ORDER BY "id";
--   with string, string, string, string, time.Time

-- GetUserSessions, by session id

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "session_id" = $3 AND "session_id"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) ORDER BY "id";
--   with string, string, string, string, time.Time

-- GetUserSessions, by both

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "subject_id" = $3 AND "subject_id"::text = $4 COLLATE "C" AND "session_id" = $5 AND "session_id"::text = $6 COLLATE "C" AND ("expires" IS NULL OR "expires" > $7) ORDER BY "id";
--   with string, string, string, string, string, string, time.Time

-- DeleteUserSessions, by subject id

DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "subject_id" = $3 AND "subject_id"::text = $4 COLLATE "C";
--   with string, string, string, string

-- DeleteUserSessions, by session id

DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "session_id" = $3 AND "session_id"::text = $4 COLLATE "C";
--   with string, string, string, string

-- DeleteUserSessions, by both

DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "subject_id" = $3 AND "subject_id"::text = $4 COLLATE "C" AND "session_id" = $5 AND "session_id"::text = $6 COLLATE "C";
--   with string, string, string, string, string, string

-- UserSessions, newest first, two pages

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "id" < $3 AND ("expires" IS NULL OR "expires" > $4) ORDER BY "id" DESC LIMIT $5;
--   with string, string, int64, time.Time, int64
SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "id" < $3 AND ("expires" IS NULL OR "expires" > $4) ORDER BY "id" DESC LIMIT $5;
--   with string, string, int64, time.Time, int64

-- UserSessions, oldest first

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "id" > $3 AND ("expires" IS NULL OR "expires" > $4) ORDER BY "id" LIMIT $5;
--   with string, string, int64, time.Time, int64

-- UserSessions, of a subject

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "subject_id" = $3 AND "subject_id"::text = $4 COLLATE "C" AND "id" < $5 AND ("expires" IS NULL OR "expires" > $6) ORDER BY "id" DESC LIMIT $7;
--   with string, string, string, string, int64, time.Time, int64

-- UserSessions, of a subject, oldest first

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "subject_id" = $3 AND "subject_id"::text = $4 COLLATE "C" AND "id" > $5 AND ("expires" IS NULL OR "expires" > $6) ORDER BY "id" LIMIT $7;
--   with string, string, string, string, int64, time.Time, int64
