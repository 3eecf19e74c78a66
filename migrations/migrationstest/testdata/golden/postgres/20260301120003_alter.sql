-- 20260301120003_alter
-- Generated from the entities for postgres. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: makes user_sessions.device NOT NULL; rows with NULL get the default, and without one make the migration fail.
ALTER TABLE "user_sessions" ALTER COLUMN "device" TYPE varchar(200);
ALTER TABLE "user_sessions" ALTER COLUMN "device" SET DEFAULT 'unknown';
UPDATE "user_sessions" SET "device" = 'unknown' WHERE "device" IS NULL;
ALTER TABLE "user_sessions" ALTER COLUMN "device" SET NOT NULL;
ALTER TABLE "user_sessions" ALTER COLUMN "score" SET DEFAULT 8;
ALTER TABLE "user_sessions" ADD COLUMN "serial" varchar(40) NULL;
CREATE UNIQUE INDEX "idx_user_sessions_serial" ON "user_sessions" ("serial") WHERE serial IS NOT NULL;

-- +goose Down
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from varchar(200) to varchar(100); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
DROP INDEX "idx_user_sessions_serial";
ALTER TABLE "user_sessions" DROP COLUMN "serial";
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP DEFAULT;
ALTER TABLE "user_sessions" ALTER COLUMN "device" TYPE varchar(100);
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP NOT NULL;
ALTER TABLE "user_sessions" ALTER COLUMN "score" SET DEFAULT 7;
