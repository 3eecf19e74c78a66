-- 20260301120001_columns
-- Generated from the entities for postgres. Review it before you commit it.

-- +goose Up
CREATE TABLE "audits" (
    "id" bigserial NOT NULL,
    "what" varchar(100) NOT NULL,
    PRIMARY KEY ("id")
);
ALTER TABLE "user_sessions" ADD COLUMN "device" varchar(100) NULL;
ALTER TABLE "user_sessions" ADD COLUMN "region" varchar(20) NULL;
ALTER TABLE "user_sessions" ADD COLUMN "score" bigint NOT NULL DEFAULT 7;
ALTER TABLE "user_sessions" ADD COLUMN "level" bigint NULL DEFAULT 3;
CREATE INDEX "idx_user_sessions_device" ON "user_sessions" ("device", "region");
CREATE INDEX "idx_user_sessions_score" ON "user_sessions" ("score");

-- +goose Down
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
DROP INDEX "idx_user_sessions_device";
DROP INDEX "idx_user_sessions_score";
ALTER TABLE "user_sessions" DROP COLUMN "device";
ALTER TABLE "user_sessions" DROP COLUMN "region";
ALTER TABLE "user_sessions" DROP COLUMN "score";
ALTER TABLE "user_sessions" DROP COLUMN "level";
DROP TABLE "audits";
