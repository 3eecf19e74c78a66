-- AutoMigrate of entities.UserSession

CREATE TABLE "user_sessions" ("id" bigserial,"partition_key" varchar(200) COLLATE "C" NOT NULL,"key" varchar(200) COLLATE "C" NOT NULL,"subject_id" varchar(200) COLLATE "C" NOT NULL,"session_id" varchar(200) COLLATE "C","created" timestamptz NOT NULL,"renewed" timestamptz NOT NULL,"expires" timestamptz,"ticket" bytea NOT NULL,"version" bigint NOT NULL,PRIMARY KEY ("id"));
CREATE INDEX IF NOT EXISTS "idx_user_sessions_expires" ON "user_sessions" ("expires");
CREATE INDEX IF NOT EXISTS "idx_user_sessions_subject" ON "user_sessions" ("partition_key","subject_id","session_id");
CREATE UNIQUE INDEX IF NOT EXISTS "idx_user_sessions_session" ON "user_sessions" ("partition_key","session_id") WHERE session_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS "idx_user_sessions_key" ON "user_sessions" ("partition_key","key");
