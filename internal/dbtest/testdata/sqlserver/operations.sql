-- GetUserSession

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5);
--   with string, string, string, string, time.Time

-- CreateUserSession

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- ReplaceUserSession

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8);
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- CreateUserSession, without a session id, an expiry and a ticket

INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, NULL, @p4, @p5, NULL, 1, @p6);
--   with string, string, string, time.Time, time.Time, []uint8

-- UpdateUserSession

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, without a session id, an expiry and a ticket

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = NULL, "created" = @p2, "renewed" = @p3, "expires" = NULL, "ticket" = @p4, "version" = "version" + 1 WHERE "partition_key" = @p5 AND CAST("partition_key" AS varbinary(400)) = CAST(@p6 AS varbinary(400)) AND "key" = @p7 AND CAST("key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p9);
--   with string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, IfVersion

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64

-- UpdateUserSession, IfVersion, too late

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64
SELECT "version" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5);
--   with string, string, string, string, time.Time

-- UpdateUserSession, keeps Created

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "renewed" = @p3, "expires" = @p4, "ticket" = @p5, "version" = "version" + 1 WHERE "partition_key" = @p6 AND CAST("partition_key" AS varbinary(400)) = CAST(@p7 AS varbinary(400)) AND "key" = @p8 AND CAST("key" AS varbinary(400)) = CAST(@p9 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p10);
--   with string, string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11);
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals, IfVersion

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64

-- UpdateUserSession, ReplaceRivals, IfVersion, too late

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64
SELECT "version" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5);
--   with string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals without a session id

UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = NULL, "created" = @p2, "renewed" = @p3, "expires" = NULL, "ticket" = @p4, "version" = "version" + 1 WHERE "partition_key" = @p5 AND CAST("partition_key" AS varbinary(400)) = CAST(@p6 AS varbinary(400)) AND "key" = @p7 AND CAST("key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p9);
--   with string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- DeleteUserSessionVersion

DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "version" = @p5;
--   with string, string, string, string, int64

-- DeleteUserSession

DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string

-- GetUserSessions, by subject id

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5) ORDER BY "id";
--   with string, string, string, string, time.Time

-- GetUserSessions, by session id

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5) ORDER BY "id";
--   with string, string, string, string, time.Time

-- GetUserSessions, by both

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "session_id" = @p5 AND CAST("session_id" AS varbinary(400)) = CAST(@p6 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p7) ORDER BY "id";
--   with string, string, string, string, string, string, time.Time

-- DeleteUserSessions, by subject id

DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string

-- DeleteUserSessions, by session id

DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400));
--   with string, string, string, string

-- DeleteUserSessions, by both

DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "session_id" = @p5 AND CAST("session_id" AS varbinary(400)) = CAST(@p6 AS varbinary(400));
--   with string, string, string, string, string, string

-- UserSessions, newest first, two pages

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "id" < @p3 AND ("expires" IS NULL OR "expires" > @p4) ORDER BY "id" DESC OFFSET 0 ROWS FETCH NEXT @p5 ROWS ONLY;
--   with string, string, int64, time.Time, int64
SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "id" < @p3 AND ("expires" IS NULL OR "expires" > @p4) ORDER BY "id" DESC OFFSET 0 ROWS FETCH NEXT @p5 ROWS ONLY;
--   with string, string, int64, time.Time, int64

-- UserSessions, oldest first

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "id" > @p3 AND ("expires" IS NULL OR "expires" > @p4) ORDER BY "id" OFFSET 0 ROWS FETCH NEXT @p5 ROWS ONLY;
--   with string, string, int64, time.Time, int64

-- UserSessions, of a subject

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "id" < @p5 AND ("expires" IS NULL OR "expires" > @p6) ORDER BY "id" DESC OFFSET 0 ROWS FETCH NEXT @p7 ROWS ONLY;
--   with string, string, string, string, int64, time.Time, int64

-- UserSessions, of a subject, oldest first

SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "id" > @p5 AND ("expires" IS NULL OR "expires" > @p6) ORDER BY "id" OFFSET 0 ROWS FETCH NEXT @p7 ROWS ONLY;
--   with string, string, string, string, int64, time.Time, int64
