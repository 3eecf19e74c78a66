-- CreateUserSession, an expired session conflicts

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT DO NOTHING;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
SAVEPOINT usersession;
DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "session_id" = $3 AND "session_id"::text = $4 COLLATE "C" AND "expires" <= $5;
--   with string, string, string, string, time.Time
DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND "expires" <= $5;
--   with string, string, string, string, time.Time
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
RELEASE SAVEPOINT usersession;

-- CreateUserSession, a live session conflicts

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT DO NOTHING;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
SAVEPOINT usersession;
DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "session_id" = $3 AND "session_id"::text = $4 COLLATE "C" AND "expires" <= $5;
--   with string, string, string, string, time.Time
DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND "expires" <= $5;
--   with string, string, string, string, time.Time
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;

-- ReplaceUserSession, a session conflicts

SAVEPOINT usersession;
WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
RELEASE SAVEPOINT usersession;

-- ReplaceUserSession, another writer causes a conflict during the replacement

SAVEPOINT usersession;
WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
WITH evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" RETURNING "id"), rivals AS (DELETE FROM "user_sessions" WHERE "partition_key" = $5 AND "partition_key"::text = $6 COLLATE "C" AND "session_id" = $7 AND "session_id"::text = $8 COLLATE "C" AND NOT ("key" = $9 AND "key"::text = $10 COLLATE "C") RETURNING "id") INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") SELECT $11, $12, $13, $14, $15, $16, $17, 1, $18 WHERE (SELECT count(*) FROM evicted) >= 0 AND (SELECT count(*) FROM rivals) >= 0;
--   with string, string, string, string, string, string, string, string, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, an expired session has the session id

SAVEPOINT usersession;
UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "session_id" = $3 AND "session_id"::text = $4 COLLATE "C" AND "expires" <= $5;
--   with string, string, string, string, time.Time
UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, a live session has the session id

SAVEPOINT usersession;
UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
DELETE FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "session_id" = $3 AND "session_id"::text = $4 COLLATE "C" AND "expires" <= $5;
--   with string, string, string, string, time.Time
UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, ReplaceRivals, a rival

SAVEPOINT usersession;
WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $6 AND "partition_key"::text = $7 COLLATE "C" AND "session_id" = $8 AND "session_id"::text = $9 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $10, "session_id" = $11, "created" = $12, "renewed" = $13, "expires" = $14, "ticket" = $15, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $6 AND "partition_key"::text = $7 COLLATE "C" AND "session_id" = $8 AND "session_id"::text = $9 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $10, "session_id" = $11, "created" = $12, "renewed" = $13, "expires" = $14, "ticket" = $15, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, ReplaceRivals, another writer causes a conflict during the update

SAVEPOINT usersession;
WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $6 AND "partition_key"::text = $7 COLLATE "C" AND "session_id" = $8 AND "session_id"::text = $9 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $10, "session_id" = $11, "created" = $12, "renewed" = $13, "expires" = $14, "ticket" = $15, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $6 AND "partition_key"::text = $7 COLLATE "C" AND "session_id" = $8 AND "session_id"::text = $9 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $10, "session_id" = $11, "created" = $12, "renewed" = $13, "expires" = $14, "ticket" = $15, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
WITH target AS (SELECT "id" FROM "user_sessions" WHERE "partition_key" = $1 AND "partition_key"::text = $2 COLLATE "C" AND "key" = $3 AND "key"::text = $4 COLLATE "C" AND ("expires" IS NULL OR "expires" > $5) FOR UPDATE), evicted AS (DELETE FROM "user_sessions" WHERE "partition_key" = $6 AND "partition_key"::text = $7 COLLATE "C" AND "session_id" = $8 AND "session_id"::text = $9 COLLATE "C" AND "id" <> (SELECT "id" FROM target) RETURNING "id") UPDATE "user_sessions" SET "subject_id" = $10, "session_id" = $11, "created" = $12, "renewed" = $13, "expires" = $14, "ticket" = $15, "version" = "version" + 1 WHERE "id" = (SELECT "id" FROM target) AND (SELECT count(*) FROM evicted) >= 0;
--   with string, string, string, string, time.Time, string, string, string, string, string, string, time.Time, time.Time, time.Time, []uint8
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, ended by the database because of a deadlock: the application retries

SAVEPOINT usersession;
UPDATE "user_sessions" SET "subject_id" = $1, "session_id" = $2, "created" = $3, "renewed" = $4, "expires" = $5, "ticket" = $6, "version" = "version" + 1 WHERE "partition_key" = $7 AND "partition_key"::text = $8 COLLATE "C" AND "key" = $9 AND "key"::text = $10 COLLATE "C" AND ("expires" IS NULL OR "expires" > $11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
