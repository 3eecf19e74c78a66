-- From version 20260301120005 to 0 on mysql.
-- A statement runs only if @usersession_go is 1: the database has the right version, and all statements before it have succeeded.
-- Run it in a session of its own. The sentence of an error about sql_mode says why the script stops.
SET NAMES utf8mb4;
SET @usersession_mode = @@SESSION.sql_mode, @usersession_safe = @@SESSION.sql_safe_updates, @usersession_commit = @@SESSION.autocommit, @usersession_wait = @@SESSION.lock_wait_timeout, @usersession_rows = @@SESSION.innodb_lock_wait_timeout, @usersession_concat = @@SESSION.group_concat_max_len;
SET SESSION sql_mode = 'TRADITIONAL';
SET SESSION sql_safe_updates = 0, SESSION autocommit = 1;
SET SESSION lock_wait_timeout = 10, SESSION innodb_lock_wait_timeout = 10, SESSION group_concat_max_len = 65536;
SET @usersession_lock = GET_LOCK(CONCAT('usersession.', LEFT(SHA2(DATABASE(), 256), 40)), 10);
SET SESSION sql_mode = IF(@usersession_lock = 1, 'TRADITIONAL', 'STOPPED: another session migrates this database, or no database is selected');

-- 20260301120005_narrow_2
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120005 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 0, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120005, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120005 is not reverted: the last version of the database must be 20260301120005');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'zone')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'number')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region' AND is_nullable = 'YES' AND column_type LIKE 'varchar(20)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial' AND is_nullable = 'YES' AND column_type LIKE 'varchar(40)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'device,region')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'score')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'serial')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'ALTER TABLE `user_sessions`
    RENAME COLUMN `zone` TO `region`,
    RENAME COLUMN `number` TO `serial`,
    MODIFY COLUMN `device` varchar(200) NOT NULL DEFAULT ''unknown'',
    ADD COLUMN `score` bigint NOT NULL DEFAULT 8,
    ADD INDEX `idx_user_sessions_score` (`score`)', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'zone')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'number')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region' AND is_nullable = 'YES' AND column_type LIKE 'varchar(20)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial' AND is_nullable = 'YES' AND column_type LIKE 'varchar(40)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'device,region')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'score')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'serial'), 1, 0);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120005 AND @usersession_go = 1 LIMIT 1000;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120005 is unchanged: its statements failed or did not make its changes');

-- 20260301120004_narrow
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120004 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 0, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120004, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120004 is not reverted: the last version of the database must be 20260301120004');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'audits' AND index_name = 'PRIMARY' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'id')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'audits' AND column_name = 'id' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND extra LIKE '%auto_increment%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'audits' AND column_name = 'what' AND is_nullable = 'NO' AND column_type LIKE 'varchar(100)%' AND column_default IS NULL)), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'CREATE TABLE `audits` (
    `id` bigint NOT NULL AUTO_INCREMENT,
    `what` varchar(100) NOT NULL,
    PRIMARY KEY (`id`)
)', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'audits' AND index_name = 'PRIMARY' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'id')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'audits' AND column_name = 'id' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND extra LIKE '%auto_increment%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'audits' AND column_name = 'what' AND is_nullable = 'NO' AND column_type LIKE 'varchar(100)%' AND column_default IS NULL), 1, 0);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120004 AND @usersession_go = 1 LIMIT 1000;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120004 is unchanged: its statements failed or did not make its changes');

-- 20260301120003_alter
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from varchar(200) to varchar(100); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120003 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 0, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120003, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120003 is not reverted: the last version of the database must be 20260301120003');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'YES' AND column_type LIKE 'varchar(100)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET @usersession_sql_mode = @@SESSION.sql_mode', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET SESSION sql_mode = ''STRICT_ALL_TABLES''', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_serial`,
    DROP COLUMN `serial`,
    MODIFY COLUMN `device` varchar(100) NULL,
    MODIFY COLUMN `score` bigint NOT NULL DEFAULT 7', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET SESSION sql_mode = @usersession_sql_mode', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'YES' AND column_type LIKE 'varchar(100)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial'), 1, 0);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120003 AND @usersession_go = 1 LIMIT 1000;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120003 is unchanged: its statements failed or did not make its changes');

-- 20260301120002_columns_2
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120002 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 0, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120002, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120002 is not reverted: the last version of the database must be 20260301120002');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'level')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_device`,
    DROP INDEX `idx_user_sessions_score`,
    DROP COLUMN `device`,
    DROP COLUMN `region`,
    DROP COLUMN `score`,
    DROP COLUMN `level`', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'level')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score'), 1, 0);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120002 AND @usersession_go = 1 LIMIT 1000;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120002 is unchanged: its statements failed or did not make its changes');

-- 20260301120001_columns
-- DESTRUCTIVE: drops the table audits with all its rows.
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120001 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 0, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120001, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120001 is not reverted: the last version of the database must be 20260301120001');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'audits')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'DROP TABLE `audits`', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'audits'), 1, 0);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120001 AND @usersession_go = 1 LIMIT 1000;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120001 is unchanged: its statements failed or did not make its changes');

-- 20260301120000_init
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120000 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 0, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120000, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120000 is not reverted: the last version of the database must be 20260301120000');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'user_sessions')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'DROP TABLE `user_sessions`', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'user_sessions'), 1, 0);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120000 AND @usersession_go = 1 LIMIT 1000;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120000 is unchanged: its statements failed or did not make its changes');

DO RELEASE_LOCK(CONCAT('usersession.', LEFT(SHA2(DATABASE(), 256), 40)));
SET SESSION lock_wait_timeout = @usersession_wait, SESSION innodb_lock_wait_timeout = @usersession_rows, SESSION group_concat_max_len = @usersession_concat;
SET SESSION sql_safe_updates = @usersession_safe, SESSION autocommit = @usersession_commit;
SET SESSION sql_mode = @usersession_mode;
