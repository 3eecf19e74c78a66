-- From version 20260301120000 to 20260301120002 on postgres.
-- Each block is one transaction: it makes all changes of a version and records it, or does nothing.
SET default_transaction_isolation = 'read committed';

-- 20260301120001_columns
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
        RAISE EXCEPTION 'version 20260301120001 is not applied: the last version of the database must be 20260301120000, and the table usersession_schema_version does not exist';
    END IF;
    IF EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120001 AND is_applied) THEN
        RAISE NOTICE 'version 20260301120001 is already applied';
        RETURN;
    END IF;
    present := (SELECT max(version_id) FROM usersession_schema_version WHERE is_applied);
    IF present IS DISTINCT FROM 20260301120000 THEN
        RAISE EXCEPTION 'version 20260301120001 is not applied: the last version of the database must be 20260301120000, and it is %', present;
    END IF;
    EXECUTE $sql$
CREATE TABLE "audits" (
    "id" bigserial NOT NULL,
    "what" varchar(100) NOT NULL,
    PRIMARY KEY ("id")
)
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ADD COLUMN "device" varchar(100) NULL
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ADD COLUMN "region" varchar(20) NULL
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ADD COLUMN "score" bigint NOT NULL DEFAULT 7
$sql$;
    EXECUTE $sql$
ALTER TABLE "user_sessions" ADD COLUMN "level" bigint NULL DEFAULT 3
$sql$;
    EXECUTE $sql$
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120001, true)
$sql$;
END
$usersession$;

-- 20260301120002_columns_2
-- The statements between the blocks run without a transaction. Until the first block succeeds, the session can only read.
SET default_transaction_read_only = on;
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
        RAISE EXCEPTION 'version 20260301120002 is not applied: the last version of the database must be 20260301120001, and the table usersession_schema_version does not exist';
    END IF;
    IF EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120002 AND is_applied) THEN
        RAISE EXCEPTION 'version 20260301120002 is already applied; for the versions after it write a script that begins there';
    END IF;
    present := (SELECT max(version_id) FROM usersession_schema_version WHERE is_applied);
    IF present IS DISTINCT FROM 20260301120001 THEN
        RAISE EXCEPTION 'version 20260301120002 is not applied: the last version of the database must be 20260301120001, and it is %', present;
    END IF;
    EXECUTE 'RESET default_transaction_read_only';
END
$usersession$;
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS "idx_user_sessions_device";
CREATE INDEX CONCURRENTLY "idx_user_sessions_device" ON "user_sessions" ("device", "region");
RESET lock_timeout;
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
        RAISE EXCEPTION 'version 20260301120002 is not applied: the last version of the database must be 20260301120001, and the table usersession_schema_version does not exist';
    END IF;
    IF EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120002 AND is_applied) THEN
        RAISE EXCEPTION 'version 20260301120002 is already applied; for the versions after it write a script that begins there';
    END IF;
    present := (SELECT max(version_id) FROM usersession_schema_version WHERE is_applied);
    IF present IS DISTINCT FROM 20260301120001 THEN
        RAISE EXCEPTION 'version 20260301120002 is not applied: the last version of the database must be 20260301120001, and it is %', present;
    END IF;
    IF NOT (true
        AND EXISTS (SELECT 1 FROM pg_index x WHERE x.indexrelid = to_regclass('"idx_user_sessions_device"') AND x.indrelid = to_regclass('"user_sessions"') AND x.indisvalid AND x.indisunique = false
            AND ARRAY(SELECT a.attname::text FROM generate_series(0, x.indnkeyatts - 1) k JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k] ORDER BY k) = ARRAY['device', 'region']
            AND lower(translate(regexp_replace(COALESCE(pg_get_expr(x.indpred, x.indrelid), ''), '::"?[\w ]+"?(\(\d+\))?', '', 'g'), '()" ', '')) = '')) THEN
        RAISE EXCEPTION 'the record of version 20260301120002 is unchanged: its statements failed or did not make its changes; run the script again';
    END IF;
    EXECUTE $sql$
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120002, true)
$sql$;
END
$usersession$;

RESET default_transaction_isolation;
