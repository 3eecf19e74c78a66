-- 20260301120004_narrow
-- Generated from the entities for postgres. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from varchar(200) to varchar(50); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
DROP TABLE "audits";
DROP INDEX "idx_user_sessions_score";
DROP INDEX "idx_user_sessions_serial";
ALTER TABLE "user_sessions" RENAME COLUMN "region" TO "zone";
ALTER TABLE "user_sessions" RENAME COLUMN "serial" TO "number";
ALTER TABLE "user_sessions" DROP COLUMN "score";
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP DEFAULT;
ALTER TABLE "user_sessions" ALTER COLUMN "device" TYPE varchar(50);
ALTER TABLE "user_sessions" ALTER COLUMN "device" SET DEFAULT 'unknown';
CREATE UNIQUE INDEX "idx_user_sessions_serial" ON "user_sessions" ("number") WHERE number IS NOT NULL;

-- +goose Down
DROP INDEX "idx_user_sessions_serial";
ALTER TABLE "user_sessions" RENAME COLUMN "zone" TO "region";
ALTER TABLE "user_sessions" RENAME COLUMN "number" TO "serial";
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP DEFAULT;
ALTER TABLE "user_sessions" ALTER COLUMN "device" TYPE varchar(200);
ALTER TABLE "user_sessions" ALTER COLUMN "device" SET DEFAULT 'unknown';
ALTER TABLE "user_sessions" ADD COLUMN "score" bigint NOT NULL DEFAULT 8;
CREATE INDEX "idx_user_sessions_score" ON "user_sessions" ("score");
CREATE UNIQUE INDEX "idx_user_sessions_serial" ON "user_sessions" ("serial") WHERE serial IS NOT NULL;
CREATE TABLE "audits" (
    "id" bigserial NOT NULL,
    "what" varchar(100) NOT NULL,
    PRIMARY KEY ("id")
);
