-- CreateUserSession, an expired session conflicts

EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time
EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- CreateUserSession, a live session conflicts

EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time
EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TRANSACTION usersession;

-- ReplaceUserSession, a session conflicts

EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- ReplaceUserSession, another writer causes a conflict during the replacement

EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TRANSACTION usersession;
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8
--   fails
ROLLBACK TRANSACTION usersession;
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "key" = @p3 AND CAST("key" AS varbinary(400)) = CAST(@p4 AS varbinary(400)); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200)', @p1, @p2, @p3, @p4;
--   with string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; INSERT INTO "user_sessions" ("partition_key", "key", "subject_id", "session_id", "created", "renewed", "expires", "version", "ticket") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1, @p8); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6), @p6 datetimeoffset(6), @p7 datetimeoffset(6), @p8 varbinary(max)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8;
--   with string, string, string, string, time.Time, time.Time, time.Time, []uint8

-- UpdateUserSession, an expired session has the session id

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time
EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, a live session has the session id

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND "expires" <= @p5; SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5;
--   with string, string, string, string, time.Time
EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK TRANSACTION usersession;

-- UpdateUserSession, ReplaceRivals, a rival

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND NOT ("key" = @p5 AND CAST("key" AS varbinary(400)) = CAST(@p6 AS varbinary(400))); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 nvarchar(200), @p6 nvarchar(200)', @p1, @p2, @p3, @p4, @p5, @p6;
--   with string, string, string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ReplaceRivals, another writer causes a conflict during the update

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND NOT ("key" = @p5 AND CAST("key" AS varbinary(400)) = CAST(@p6 AS varbinary(400))); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 nvarchar(200), @p6 nvarchar(200)', @p1, @p2, @p3, @p4, @p5, @p6;
--   with string, string, string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
ROLLBACK TRANSACTION usersession;
SAVE TRANSACTION usersession;
EXEC sp_executesql N'SET NOCOUNT ON; DELETE FROM "user_sessions" WHERE "partition_key" = @p1 AND CAST("partition_key" AS varbinary(400)) = CAST(@p2 AS varbinary(400)) AND "session_id" = @p3 AND CAST("session_id" AS varbinary(400)) = CAST(@p4 AS varbinary(400)) AND NOT ("key" = @p5 AND CAST("key" AS varbinary(400)) = CAST(@p6 AS varbinary(400))); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 nvarchar(200), @p4 nvarchar(200), @p5 nvarchar(200), @p6 nvarchar(200)', @p1, @p2, @p3, @p4, @p5, @p6;
--   with string, string, string, string, string, string
EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time

-- UpdateUserSession, ended by the database because of a deadlock: the application retries

EXEC sp_executesql N'SET NOCOUNT ON; UPDATE "user_sessions" SET "subject_id" = @p1, "session_id" = @p2, "created" = @p3, "renewed" = @p4, "expires" = @p5, "ticket" = @p6, "version" = "version" + 1 WHERE "partition_key" = @p7 AND CAST("partition_key" AS varbinary(400)) = CAST(@p8 AS varbinary(400)) AND "key" = @p9 AND CAST("key" AS varbinary(400)) = CAST(@p10 AS varbinary(400)) AND ("expires" IS NULL OR "expires" > @p11); SELECT CAST(@@ROWCOUNT AS bigint) AS usersession_rows', N'@p1 nvarchar(200), @p2 nvarchar(200), @p3 datetimeoffset(6), @p4 datetimeoffset(6), @p5 datetimeoffset(6), @p6 varbinary(max), @p7 nvarchar(200), @p8 nvarchar(200), @p9 nvarchar(200), @p10 nvarchar(200), @p11 datetimeoffset(6)', @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11;
--   with string, string, time.Time, time.Time, time.Time, []uint8, string, string, string, string, time.Time
--   fails
