-- From version 20260301120004 to 0 on postgres.

-- 20260301120004_narrow
BEGIN;
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
DELETE FROM usersession_schema_version WHERE version_id = 20260301120004;
COMMIT;

-- 20260301120003_alter
BEGIN;
DROP INDEX "idx_user_sessions_serial";
ALTER TABLE "user_sessions" DROP COLUMN "serial";
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP DEFAULT;
ALTER TABLE "user_sessions" ALTER COLUMN "device" TYPE varchar(100);
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP NOT NULL;
ALTER TABLE "user_sessions" ALTER COLUMN "score" SET DEFAULT 7;
DELETE FROM usersession_schema_version WHERE version_id = 20260301120003;
COMMIT;

-- 20260301120001_columns
BEGIN;
DROP INDEX "idx_user_sessions_device";
DROP INDEX "idx_user_sessions_score";
ALTER TABLE "user_sessions" DROP COLUMN "device";
ALTER TABLE "user_sessions" DROP COLUMN "region";
ALTER TABLE "user_sessions" DROP COLUMN "score";
ALTER TABLE "user_sessions" DROP COLUMN "level";
DROP TABLE "audits";
DELETE FROM usersession_schema_version WHERE version_id = 20260301120001;
COMMIT;

-- 20260301120000_init
BEGIN;
DROP TABLE "user_sessions";
DELETE FROM usersession_schema_version WHERE version_id = 20260301120000;
COMMIT;
