-- GetUserSession

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5)', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time

-- CreateUserSession

EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- ReplaceUserSession

EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- CreateUserSession, without a session id, an expiry and a ticket

EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, NULL, @p4, @p5, NULL, 1, @p6); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6;
--   with string, string, string, time.Time, time.Time, []uint8

-- UpdateUserSession

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, without a session id, an expiry and a ticket

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = NULL, "created" = @p2, "renewed" = @p3, "expires" = NULL, "ticket" = @p4, "version" = "version" + 1 WHERE "partition_key" = @p5 AND CAST("partition_key" AS varbinary(400)) = CAST(@p6 AS varbinary(400)) AND "key" = @p7 AND CAST("key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p9); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 datetimeoffset(6), @p3 datetimeoffset(6), @p4 varbinary(max), @p5 nvarchar(200), @p6 nvarchar(200), @p7 nvarchar(200), @p8 nvarchar(200), @p9 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9;
--   with string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, IfVersion

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6), @p12 bigint', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64

-- UpdateUserSession, IfVersion, too late

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6), @p12 bigint', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64
SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "version" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5)', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time

-- UpdateUserSession, keeps Created

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "renewed" = @p3, "expires" = @p4, "ticket" = @p5, "version" = "version" + 1 WHERE "partition_key" = @p6 AND CAST("partition_key" AS varbinary(400)) = CAST(@p7 AS varbinary(400)) AND "key" = @p8 AND CAST("key" AS varbinary(400)) = CAST(@p9 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p10); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 varbinary(max), @p6 nvarchar(200), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10;
--   with string, string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals, IfVersion

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6), @p12 bigint', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64

-- UpdateUserSession, ReplaceRivals, IfVersion, too late

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11) AND "version" = @p12; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6), @p12 bigint', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time, int64
SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "version" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5)', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals without a session id

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = NULL, "created" = @p2, "renewed" = @p3, "expires" = NULL, "ticket" = @p4, "version" = "version" + 1 WHERE "partition_key" = @p5 AND CAST("partition_key" AS varbinary(400)) = CAST(@p6 AS varbinary(400)) AND "key" = @p7 AND CAST("key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p9); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 datetimeoffset(6), @p3 datetimeoffset(6), @p4 varbinary(max), @p5 nvarchar(200), @p6 nvarchar(200), @p7 nvarchar(200), @p8 nvarchar(200), @p9 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9;
--   with string, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- DeleteUserSessionVersion

EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "version" = @p5; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 bigint', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, int64

-- DeleteUserSession

EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string

-- GetUserSessions, by subject id

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5) ORDER BY "id"', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time

-- GetUserSessions, by session id

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p5) ORDER BY "id"', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time

-- GetUserSessions, by both

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "session_id" = @p5 AND CAST("session_id" AS varbinary(400)) = CAST(@p6 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p7) ORDER BY "id"', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 nvarchar(200), @p6 nvarchar(200), @p7 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7;
--   with string, string, string, string, string, string, time.Time

-- DeleteUserSessions, by subject id

EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string

-- DeleteUserSessions, by session id

EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string

-- DeleteUserSessions, by both

EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "session_id" = @p5 AND CAST("session_id" AS varbinary(400)) = CAST(@p6 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 nvarchar(200), @p6 nvarchar(200)', @p1, @p2, @p3, @p4, @p5, @p6;
--   with string, string, string, string, string, string

-- UserSessions, newest first, two pages

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "id" < @p3 AND ("expires" IS NULL OR "expires" > @p4) ORDER BY "id" DESC OFFSET 0 ROWS FETCH NEXT @p5 ROWS ONLY', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 bigint, @p4 datetimeoffset(6), @p5 bigint', @p1, @p2, @p3, @p4, @p5;
--   with string, string, int64, time.Time, int64
SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "id" < @p3 AND ("expires" IS NULL OR "expires" > @p4) ORDER BY "id" DESC OFFSET 0 ROWS FETCH NEXT @p5 ROWS ONLY', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 bigint, @p4 datetimeoffset(6), @p5 bigint', @p1, @p2, @p3, @p4, @p5;
--   with string, string, int64, time.Time, int64

-- UserSessions, oldest first

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "id" > @p3 AND ("expires" IS NULL OR "expires" > @p4) ORDER BY "id" OFFSET 0 ROWS FETCH NEXT @p5 ROWS ONLY', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 bigint, @p4 datetimeoffset(6), @p5 bigint', @p1, @p2, @p3, @p4, @p5;
--   with string, string, int64, time.Time, int64

-- UserSessions, of a subject

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "id" < @p5 AND ("expires" IS NULL OR "expires" > @p6) ORDER BY "id" DESC OFFSET 0 ROWS FETCH NEXT @p7 ROWS ONLY', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 bigint, @p6 datetimeoffset(6), @p7 bigint', @p1, @p2, @p3, @p4, @p5, @p6, @p7;
--   with string, string, string, string, int64, time.Time, int64

-- UserSessions, of a subject, oldest first

SELECT @p1 = @p1; EXEC sp_executesql N'SELECT "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "id" FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "subject_id" = @p3 AND CAST("subject_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "id" > @p5 AND ("expires" IS NULL OR "expires" > @p6) ORDER BY "id" OFFSET 0 ROWS FETCH NEXT @p7 ROWS ONLY', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 bigint, @p6 datetimeoffset(6), @p7 bigint', @p1, @p2, @p3, @p4, @p5, @p6, @p7;
--   with string, string, string, string, int64, time.Time, int64
