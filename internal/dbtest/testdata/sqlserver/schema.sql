-- AutoMigrate of entities.UserSession

CREATE TABLE "user_sessions" ("id" bigint IDENTITY(1,1),"partition_key" nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,"key" nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,"subject_id" nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,"session_id" nvarchar(200) COLLATE Latin1_General_100_BIN2,"created" datetimeoffset(6) NOT NULL,"renewed" datetimeoffset(6) NOT NULL,"expires" datetimeoffset(6),"ticket" varbinary(MAX) NOT NULL,"version" bigint NOT NULL,PRIMARY KEY ("id"));
CREATE INDEX "idx_user_sessions_expires" ON "user_sessions"("expires");
CREATE INDEX "idx_user_sessions_subject" ON "user_sessions"("partition_key","subject_id","session_id");
CREATE UNIQUE INDEX "idx_user_sessions_session" ON "user_sessions"("partition_key","session_id") WHERE session_id IS NOT NULL;
CREATE UNIQUE INDEX "idx_user_sessions_key" ON "user_sessions"("partition_key","key");
