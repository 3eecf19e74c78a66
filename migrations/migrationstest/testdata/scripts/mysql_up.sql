-- From version 0 to 20260301120005 on mysql.
-- A statement runs only if @usersession_go is 1: the database has the right version, and all statements before it have succeeded.
-- Run it in a session of its own. The sentence of an error about sql_mode says why the script stops.
SET NAMES utf8mb4;
SET @usersession_mode = @@SESSION.sql_mode, @usersession_safe = @@SESSION.sql_safe_updates, @usersession_commit = @@SESSION.autocommit, @usersession_wait = @@SESSION.lock_wait_timeout, @usersession_rows = @@SESSION.innodb_lock_wait_timeout, @usersession_concat = @@SESSION.group_concat_max_len;
SET SESSION sql_mode = 'TRADITIONAL';
SET SESSION sql_safe_updates = 0, SESSION autocommit = 1;
SET SESSION lock_wait_timeout = 10, SESSION innodb_lock_wait_timeout = 10, SESSION group_concat_max_len = 65536;
SET @usersession_lock = GET_LOCK(CONCAT('usersession.', LEFT(SHA2(DATABASE(), 256), 40)), 10);
SET SESSION sql_mode = IF(@usersession_lock = 1, 'TRADITIONAL', 'STOPPED: another session migrates this database, or no database is selected');

CREATE TABLE IF NOT EXISTS usersession_schema_version (id bigint unsigned NOT NULL AUTO_INCREMENT, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp datetime NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id));
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 0, true FROM (SELECT 1 AS one) AS once WHERE @usersession_lock = 1 AND NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 0);

-- 20260301120000_init
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120000 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 1, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 0, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120000 is not applied: the last version of the database must be 0');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'PRIMARY' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'id')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'id' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND extra LIKE '%auto_increment%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'partition_key' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'key' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'subject_id' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'session_id' AND is_nullable = 'YES' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'created' AND is_nullable = 'NO' AND column_type LIKE 'datetime(6)%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'renewed' AND is_nullable = 'NO' AND column_type LIKE 'datetime(6)%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'expires' AND is_nullable = 'YES' AND column_type LIKE 'datetime(6)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'ticket' AND is_nullable = 'NO' AND column_type LIKE 'longblob%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'version' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_expires' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'expires')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_key' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'partition_key,key')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_session' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'partition_key,session_id')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_subject' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'partition_key,subject_id,session_id')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'CREATE TABLE `user_sessions` (
    `id` bigint NOT NULL AUTO_INCREMENT,
    `partition_key` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `key` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `subject_id` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `session_id` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    `created` datetime(6) NOT NULL,
    `renewed` datetime(6) NOT NULL,
    `expires` datetime(6) NULL,
    `ticket` longblob NOT NULL,
    `version` bigint NOT NULL,
    PRIMARY KEY (`id`),
    INDEX `idx_user_sessions_expires` (`expires`),
    UNIQUE INDEX `idx_user_sessions_key` (`partition_key`, `key`),
    UNIQUE INDEX `idx_user_sessions_session` (`partition_key`, `session_id`),
    INDEX `idx_user_sessions_subject` (`partition_key`, `subject_id`, `session_id`)
)', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'PRIMARY' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'id')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'id' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND extra LIKE '%auto_increment%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'partition_key' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'key' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'subject_id' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'session_id' AND is_nullable = 'YES' AND column_type LIKE 'varchar(200)%' AND collation_name = 'utf8mb4_bin')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'created' AND is_nullable = 'NO' AND column_type LIKE 'datetime(6)%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'renewed' AND is_nullable = 'NO' AND column_type LIKE 'datetime(6)%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'expires' AND is_nullable = 'YES' AND column_type LIKE 'datetime(6)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'ticket' AND is_nullable = 'NO' AND column_type LIKE 'longblob%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'version' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND column_default IS NULL)
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_expires' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'expires')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_key' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'partition_key,key')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_session' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'partition_key,session_id')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_subject' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'partition_key,subject_id,session_id'), 1, 0);
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 20260301120000, true FROM (SELECT 1 AS one) AS once WHERE @usersession_go = 1;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120000 is unchanged: its statements failed or did not make its changes');

-- 20260301120001_columns
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120001 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 1, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120000, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120001 is not applied: the last version of the database must be 20260301120000');
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
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 20260301120001, true FROM (SELECT 1 AS one) AS once WHERE @usersession_go = 1;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120001 is unchanged: its statements failed or did not make its changes');

-- 20260301120002_columns_2
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120002 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 1, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120001, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120002 is not applied: the last version of the database must be 20260301120001');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'YES' AND column_type LIKE 'varchar(100)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region' AND is_nullable = 'YES' AND column_type LIKE 'varchar(20)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'level' AND is_nullable = 'YES' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'device,region')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'score')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'ALTER TABLE `user_sessions`
    ADD COLUMN `device` varchar(100) NULL,
    ADD COLUMN `region` varchar(20) NULL,
    ADD COLUMN `score` bigint NOT NULL DEFAULT 7,
    ADD COLUMN `level` bigint NULL DEFAULT 3,
    ADD INDEX `idx_user_sessions_device` (`device`, `region`),
    ADD INDEX `idx_user_sessions_score` (`score`)', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'YES' AND column_type LIKE 'varchar(100)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region' AND is_nullable = 'YES' AND column_type LIKE 'varchar(20)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'level' AND is_nullable = 'YES' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'device,region')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'score'), 1, 0);
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 20260301120002, true FROM (SELECT 1 AS one) AS once WHERE @usersession_go = 1;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120002 is unchanged: its statements failed or did not make its changes');

-- 20260301120003_alter
-- DESTRUCTIVE: makes user_sessions.device NOT NULL; rows with NULL get the default, and without one make the migration fail.
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120003 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 1, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120002, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120003 is not applied: the last version of the database must be 20260301120002');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial' AND is_nullable = 'YES' AND column_type LIKE 'varchar(40)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'serial')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'UPDATE `user_sessions` SET `device` = ''unknown'' WHERE `device` IS NULL', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET @usersession_sql_mode = @@SESSION.sql_mode', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET SESSION sql_mode = ''STRICT_ALL_TABLES''', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'ALTER TABLE `user_sessions`
    MODIFY COLUMN `device` varchar(200) NOT NULL DEFAULT ''unknown'',
    MODIFY COLUMN `score` bigint NOT NULL DEFAULT 8,
    ADD COLUMN `serial` varchar(40) NULL,
    ADD UNIQUE INDEX `idx_user_sessions_serial` (`serial`)', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET SESSION sql_mode = @usersession_sql_mode', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial' AND is_nullable = 'YES' AND column_type LIKE 'varchar(40)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'NO' AND column_type LIKE 'varchar(200)%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score' AND is_nullable = 'NO' AND column_type LIKE 'bigint%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'serial'), 1, 0);
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 20260301120003, true FROM (SELECT 1 AS one) AS once WHERE @usersession_go = 1;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120003 is unchanged: its statements failed or did not make its changes');

-- 20260301120004_narrow
-- DESTRUCTIVE: drops the table audits with all its rows.
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120004 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 1, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120003, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120004 is not applied: the last version of the database must be 20260301120003');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'audits')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'DROP TABLE `audits`', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'audits'), 1, 0);
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 20260301120004, true FROM (SELECT 1 AS one) AS once WHERE @usersession_go = 1;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120004 is unchanged: its statements failed or did not make its changes');

-- 20260301120005_narrow_2
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from varchar(200) to varchar(50); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
SET @usersession_go = 0, @usersession_at = NULL, @usersession_applied = NULL;
SET @usersession_at = (SELECT MAX(version_id) FROM usersession_schema_version WHERE is_applied), @usersession_applied = EXISTS (SELECT 1 FROM usersession_schema_version WHERE version_id = 20260301120005 AND is_applied);
SET @usersession_skip = IF(@usersession_applied = 1, 1, 0);
SET @usersession_go = IF(@usersession_lock = 1 AND @usersession_skip = 0 AND @usersession_at = 20260301120004, 1, 0);
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: version 20260301120005 is not applied: the last version of the database must be 20260301120004');
-- If a session ended between the change and its record, only the record is missing.
SET @usersession_run = IF(@usersession_go = 1 AND NOT (true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'zone' AND is_nullable = 'YES' AND column_type LIKE 'varchar(20)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'number' AND is_nullable = 'YES' AND column_type LIKE 'varchar(40)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'NO' AND column_type LIKE 'varchar(50)%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'device,zone')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'number')), 1, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET @usersession_sql_mode = @@SESSION.sql_mode', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET SESSION sql_mode = ''STRICT_ALL_TABLES''', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_score`,
    RENAME COLUMN `region` TO `zone`,
    RENAME COLUMN `serial` TO `number`,
    DROP COLUMN `score`,
    MODIFY COLUMN `device` varchar(50) NOT NULL DEFAULT ''unknown''', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_sql = IF(@usersession_go = 1 AND @usersession_run = 1, 'SET SESSION sql_mode = @usersession_sql_mode', 'DO 0');
PREPARE usersession_statement FROM @usersession_sql;
EXECUTE usersession_statement;
SET @usersession_go = IF(@@error_count = 0, @usersession_go, 0);
SET @usersession_go = IF(@usersession_go = 1 AND true
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'region')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'score')
    AND NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'serial')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'zone' AND is_nullable = 'YES' AND column_type LIKE 'varchar(20)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'number' AND is_nullable = 'YES' AND column_type LIKE 'varchar(40)%')
    AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND column_name = 'device' AND is_nullable = 'NO' AND column_type LIKE 'varchar(50)%' AND COALESCE(column_default, 'NULL') <> 'NULL')
    AND NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_score')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_device' AND non_unique = 1
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'device,zone')
    AND EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'user_sessions' AND index_name = 'idx_user_sessions_serial' AND non_unique = 0
        HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = 'number'), 1, 0);
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 20260301120005, true FROM (SELECT 1 AS one) AS once WHERE @usersession_go = 1;
SET SESSION sql_mode = IF(@usersession_go = 1 OR @usersession_skip = 1, 'TRADITIONAL', 'STOPPED: the record of version 20260301120005 is unchanged: its statements failed or did not make its changes');

DO RELEASE_LOCK(CONCAT('usersession.', LEFT(SHA2(DATABASE(), 256), 40)));
SET SESSION lock_wait_timeout = @usersession_wait, SESSION innodb_lock_wait_timeout = @usersession_rows, SESSION group_concat_max_len = @usersession_concat;
SET SESSION sql_safe_updates = @usersession_safe, SESSION autocommit = @usersession_commit;
SET SESSION sql_mode = @usersession_mode;
