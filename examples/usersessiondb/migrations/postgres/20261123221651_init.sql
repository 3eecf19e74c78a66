-- 20261123221651_init
-- Generated from the entities for postgres. Review it before you commit it.

-- +goose Up
CREATE TABLE "user_sessions" (
    "id" bigserial NOT NULL,
    "partition_key" varchar(200) COLLATE "C" NOT NULL,
    "key" varchar(200) COLLATE "C" NOT NULL,
    "subject_id" varchar(200) COLLATE "C" NOT NULL,
    "session_id" varchar(200) COLLATE "C" NULL,
    "created" timestamptz NOT NULL,
    "renewed" timestamptz NOT NULL,
    "expires" timestamptz NULL,
    "ticket" bytea NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("id")
);
CREATE INDEX "idx_user_sessions_expires" ON "user_sessions" ("expires");
CREATE UNIQUE INDEX "idx_user_sessions_key" ON "user_sessions" ("partition_key", "key");
CREATE UNIQUE INDEX "idx_user_sessions_session" ON "user_sessions" ("partition_key", "session_id") WHERE session_id IS NOT NULL;
CREATE INDEX "idx_user_sessions_subject" ON "user_sessions" ("partition_key", "subject_id", "session_id");

-- +goose Down
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
DROP TABLE "user_sessions";
