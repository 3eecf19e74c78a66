-- CreateUserSession, an expired session conflicts

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5;
--   with string, string, string, string, time.Time
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5;
--   with string, string, string, string, time.Time
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
COMMIT;

-- CreateUserSession, a live session conflicts

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5;
--   with string, string, string, string, time.Time
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5;
--   with string, string, string, string, time.Time
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK;

-- ReplaceUserSession, a session conflicts

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
COMMIT;

-- ReplaceUserSession, another writer causes a conflict during the replacement

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK;
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string
INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
COMMIT;

-- UpdateUserSession, an expired session has the session id

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5;
--   with string, string, string, string, time.Time
UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
COMMIT;

-- UpdateUserSession, a live session has the session id

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5;
--   with string, string, string, string, time.Time
UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK;

-- UpdateUserSession, ReplaceRivals, a rival

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND NOT ("key" = @p5 AND CAST("key" AS varbinary(400)) = CAST(@p6 AS varbinary(400)));
--   with string, string, string, string, string, string
UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
COMMIT;

-- UpdateUserSession, ReplaceRivals, another writer causes a conflict during the update

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
BEGIN; -- READ COMMITTED
DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND NOT ("key" = @p5 AND CAST("key" AS varbinary(400)) = CAST(@p6 AS varbinary(400)));
--   with string, string, string, string, string, string
UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK;
UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ended by the database because of a deadlock

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
