-- From version 20260301120004 to 0 on postgres.
-- Each block is one transaction: it makes all changes of a version and records it, or does nothing.
SET default_transaction_isolation = 'read committed';

-- 20260301120004_narrow
DO $usersession$
DECLARE
    present bigint;
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'a script needs the isolation level READ COMMITTED, and it is %', current_setting('transaction_isolation');
    END IF;
    PERFORM set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '0';
    PERFORM pg_advisory_xact_lock(8463219666995999603);
    IF EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (c.oid IN (to_regclass('usersession_schema_version'), to_regclass('"audits"'), to_regclass('"user_sessions"'))
            OR c.relname IN ('audits', 'user_sessions') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false))) AND n.nspname IS DISTINCT FROM current_schema()) THEN
        RAISE EXCEPTION 'the search_path finds the tables in another schema than %, to which new tables go', current_schema();
    END IF;
    IF to_regclass('usersession_schema_version') IS NULL THEN
        RAISE EXCEPTION 'version 20260301120004 is not reverted: the last version of the database must be 20260301120004, and the table usersession_schema_version does not exist';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120004 AND is_applied) THEN
        RAISE NOTICE 'version 20260301120004 is not applied';
        RETURN;
    END IF;
    present := (SELECT max(version_id) FROM usersession_schema_version WHERE is_applied);
    IF present IS DISTINCT FROM 20260301120004 THEN
        RAISE EXCEPTION 'version 20260301120004 is not reverted: the last version of the database must be 20260301120004, and it is %', present;
    END IF;
    EXECUTE $sql$
DROP INDEX "idx_user_sessions_serial"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" RENAME COLUMN "zone" TO "region"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" RENAME COLUMN "number" TO "serial"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP DEFAULT
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ALTER COLUMN "device" TYPE varchar(200)
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ALTER COLUMN "device" SET DEFAULT 'unknown'
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ADD COLUMN "score" bigint NOT NULL DEFAULT 8
$sql$;
    EXECUTE $sql$
CREATE INDEX "idx_user_sessions_score" ON "user_sessions" ("score")
$sql$;
    EXECUTE $sql$
CREATE UNIQUE INDEX "idx_user_sessions_serial" ON "user_sessions" ("serial") WHERE serial IS NOT NULL
$sql$;
    EXECUTE $sql$
CREATE TABLE "audits" (
    "id" bigserial NOT NULL,
    "what" varchar(100) NOT NULL,
    PRIMARY KEY ("id")
)
$sql$;
    EXECUTE $sql$
DELETE FROM usersession_schema_version WHERE version_id = 20260301120004
$sql$;
END
$usersession$;

-- 20260301120003_alter
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from varchar(200) to varchar(100); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
DO $usersession$
DECLARE
    present bigint;
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'a script needs the isolation level READ COMMITTED, and it is %', current_setting('transaction_isolation');
    END IF;
    PERFORM set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '0';
    PERFORM pg_advisory_xact_lock(8463219666995999603);
    IF EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (c.oid IN (to_regclass('usersession_schema_version'), to_regclass('"user_sessions"'))
            OR c.relname IN ('user_sessions') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false))) AND n.nspname IS DISTINCT FROM current_schema()) THEN
        RAISE EXCEPTION 'the search_path finds the tables in another schema than %, to which new tables go', current_schema();
    END IF;
    IF to_regclass('usersession_schema_version') IS NULL THEN
        RAISE EXCEPTION 'version 20260301120003 is not reverted: the last version of the database must be 20260301120003, and the table usersession_schema_version does not exist';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120003 AND is_applied) THEN
        RAISE NOTICE 'version 20260301120003 is not applied';
        RETURN;
    END IF;
    present := (SELECT max(version_id) FROM usersession_schema_version WHERE is_applied);
    IF present IS DISTINCT FROM 20260301120003 THEN
        RAISE EXCEPTION 'version 20260301120003 is not reverted: the last version of the database must be 20260301120003, and it is %', present;
    END IF;
    EXECUTE $sql$
DROP INDEX "idx_user_sessions_serial"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" DROP COLUMN "serial"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP DEFAULT
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ALTER COLUMN "device" TYPE varchar(100)
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ALTER COLUMN "device" DROP NOT NULL
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ALTER COLUMN "score" SET DEFAULT 7
$sql$;
    EXECUTE $sql$
DELETE FROM usersession_schema_version WHERE version_id = 20260301120003
$sql$;
END
$usersession$;

-- 20260301120001_columns
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
DO $usersession$
DECLARE
    present bigint;
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'a script needs the isolation level READ COMMITTED, and it is %', current_setting('transaction_isolation');
    END IF;
    PERFORM set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '0';
    PERFORM pg_advisory_xact_lock(8463219666995999603);
    IF EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (c.oid IN (to_regclass('usersession_schema_version'), to_regclass('"audits"'), to_regclass('"user_sessions"'))
            OR c.relname IN ('audits', 'user_sessions') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false))) AND n.nspname IS DISTINCT FROM current_schema()) THEN
        RAISE EXCEPTION 'the search_path finds the tables in another schema than %, to which new tables go', current_schema();
    END IF;
    IF to_regclass('usersession_schema_version') IS NULL THEN
        RAISE EXCEPTION 'version 20260301120001 is not reverted: the last version of the database must be 20260301120001, and the table usersession_schema_version does not exist';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120001 AND is_applied) THEN
        RAISE NOTICE 'version 20260301120001 is not applied';
        RETURN;
    END IF;
    present := (SELECT max(version_id) FROM usersession_schema_version WHERE is_applied);
    IF present IS DISTINCT FROM 20260301120001 THEN
        RAISE EXCEPTION 'version 20260301120001 is not reverted: the last version of the database must be 20260301120001, and it is %', present;
    END IF;
    EXECUTE $sql$
DROP INDEX "idx_user_sessions_device"
$sql$;
    EXECUTE $sql$
DROP INDEX "idx_user_sessions_score"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" DROP COLUMN "device"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" DROP COLUMN "region"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" DROP COLUMN "score"
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" DROP COLUMN "level"
$sql$;
    EXECUTE $sql$
DROP TABLE "audits"
$sql$;
    EXECUTE $sql$
DELETE FROM usersession_schema_version WHERE version_id = 20260301120001
$sql$;
END
$usersession$;

-- 20260301120000_init
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
DO $usersession$
DECLARE
    present bigint;
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'a script needs the isolation level READ COMMITTED, and it is %', current_setting('transaction_isolation');
    END IF;
    PERFORM set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '0';
    PERFORM pg_advisory_xact_lock(8463219666995999603);
    IF EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (c.oid IN (to_regclass('usersession_schema_version'), to_regclass('"user_sessions"'))
            OR c.relname IN ('user_sessions') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false))) AND n.nspname IS DISTINCT FROM current_schema()) THEN
        RAISE EXCEPTION 'the search_path finds the tables in another schema than %, to which new tables go', current_schema();
    END IF;
    IF to_regclass('usersession_schema_version') IS NULL THEN
        RAISE EXCEPTION 'version 20260301120000 is not reverted: the last version of the database must be 20260301120000, and the table usersession_schema_version does not exist';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120000 AND is_applied) THEN
        RAISE NOTICE 'version 20260301120000 is not applied';
        RETURN;
    END IF;
    present := (SELECT max(version_id) FROM usersession_schema_version WHERE is_applied);
    IF present IS DISTINCT FROM 20260301120000 THEN
        RAISE EXCEPTION 'version 20260301120000 is not reverted: the last version of the database must be 20260301120000, and it is %', present;
    END IF;
    EXECUTE $sql$
DROP TABLE "user_sessions"
$sql$;
    EXECUTE $sql$
DELETE FROM usersession_schema_version WHERE version_id = 20260301120000
$sql$;
END
$usersession$;

RESET default_transaction_isolation;
