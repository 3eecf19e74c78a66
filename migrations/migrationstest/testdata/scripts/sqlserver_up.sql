-- From version 0 to 20260301120004 on sqlserver.
-- Each batch is one transaction: it makes all changes of a version and records it, or does nothing.
-- Its form was never executed on a SQL Server: try it on a copy of the database first.
SET QUOTED_IDENTIFIER ON;
GO
SET ANSI_NULLS ON;
GO
SET XACT_ABORT ON;
GO
SET LOCK_TIMEOUT 10000;
GO

IF OBJECT_ID(N'usersession_schema_version') IS NULL
    CREATE TABLE usersession_schema_version (id INT NOT NULL IDENTITY(1,1) PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BIT NOT NULL, tstamp DATETIME NULL DEFAULT CURRENT_TIMESTAMP);
GO
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 0, 1 WHERE NOT EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 0);
GO

-- 20260301120000_init
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120000 is not applied: the last version of the database must be 0, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120000 AND is_applied = 1)
        PRINT N'version 20260301120000 is already applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 0)
            THROW 50000, N'version 20260301120000 is not applied: the last version of the database must be 0', 1;
        EXEC (N'CREATE TABLE [user_sessions] (
    [id] bigint IDENTITY(1,1) NOT NULL,
    [partition_key] nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [key] nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [subject_id] nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [session_id] nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
    [created] datetimeoffset(6) NOT NULL,
    [renewed] datetimeoffset(6) NOT NULL,
    [expires] datetimeoffset(6) NULL,
    [ticket] varbinary(MAX) NOT NULL,
    [version] bigint NOT NULL,
    CONSTRAINT [PK_user_sessions] PRIMARY KEY ([id])
);');
        EXEC (N'CREATE INDEX [idx_user_sessions_expires] ON [user_sessions] ([expires]);');
        EXEC (N'CREATE UNIQUE INDEX [idx_user_sessions_key] ON [user_sessions] ([partition_key], [key]);');
        EXEC (N'CREATE UNIQUE INDEX [idx_user_sessions_session] ON [user_sessions] ([partition_key], [session_id]) WHERE session_id IS NOT NULL;');
        EXEC (N'CREATE INDEX [idx_user_sessions_subject] ON [user_sessions] ([partition_key], [subject_id], [session_id]);');
        INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120000, 1);
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO

-- 20260301120001_columns
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120001 is not applied: the last version of the database must be 20260301120000, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120001 AND is_applied = 1)
        PRINT N'version 20260301120001 is already applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 20260301120000)
            THROW 50000, N'version 20260301120001 is not applied: the last version of the database must be 20260301120000', 1;
        EXEC (N'CREATE TABLE [audits] (
    [id] bigint IDENTITY(1,1) NOT NULL,
    [what] nvarchar(100) NOT NULL,
    CONSTRAINT [PK_audits] PRIMARY KEY ([id])
);');
        EXEC (N'ALTER TABLE [user_sessions] ADD [device] nvarchar(100) NULL;');
        EXEC (N'ALTER TABLE [user_sessions] ADD [region] nvarchar(20) NULL;');
        EXEC (N'ALTER TABLE [user_sessions] ADD [score] bigint NOT NULL CONSTRAINT [DF_user_sessions_score] DEFAULT (7);');
        EXEC (N'ALTER TABLE [user_sessions] ADD [level] bigint NULL CONSTRAINT [DF_user_sessions_level] DEFAULT (3) WITH VALUES;');
        EXEC (N'CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);');
        EXEC (N'CREATE INDEX [idx_user_sessions_score] ON [user_sessions] ([score]);');
        INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120001, 1);
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO

-- 20260301120003_alter
-- DESTRUCTIVE: makes user_sessions.device NOT NULL; rows with NULL get the default, and without one make the migration fail.
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120003 is not applied: the last version of the database must be 20260301120001, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120003 AND is_applied = 1)
        PRINT N'version 20260301120003 is already applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 20260301120001)
            THROW 50000, N'version 20260301120003 is not applied: the last version of the database must be 20260301120001', 1;
        EXEC (N'DROP INDEX [idx_user_sessions_device] ON [user_sessions];');
        EXEC (N'UPDATE [user_sessions] SET [device] = ''unknown'' WHERE [device] IS NULL;');
        EXEC (N'ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(200) NOT NULL;');
        EXEC (N'ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT (''unknown'') FOR [device];');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];');
        EXEC (N'ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_score] DEFAULT (8) FOR [score];');
        EXEC (N'ALTER TABLE [user_sessions] ADD [serial] nvarchar(40) NULL;');
        EXEC (N'CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([serial]) WHERE serial IS NOT NULL;');
        EXEC (N'CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);');
        INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120003, 1);
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO

-- 20260301120004_narrow
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from nvarchar(200) to nvarchar(50); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120004 is not applied: the last version of the database must be 20260301120003, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120004 AND is_applied = 1)
        PRINT N'version 20260301120004 is already applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 20260301120003)
            THROW 50000, N'version 20260301120004 is not applied: the last version of the database must be 20260301120003', 1;
        EXEC (N'DROP TABLE [audits];');
        EXEC (N'DROP INDEX [idx_user_sessions_score] ON [user_sessions];');
        EXEC (N'DROP INDEX [idx_user_sessions_serial] ON [user_sessions];');
        EXEC (N'DROP INDEX [idx_user_sessions_device] ON [user_sessions];');
        EXEC (N'EXEC sp_rename N''[user_sessions].[region]'', N''zone'', N''COLUMN'';');
        EXEC (N'EXEC sp_rename N''[user_sessions].[serial]'', N''number'', N''COLUMN'';');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];');
        EXEC (N'ALTER TABLE [user_sessions] DROP COLUMN [score];');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];');
        EXEC (N'ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(50) NOT NULL;');
        EXEC (N'ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT (''unknown'') FOR [device];');
        EXEC (N'CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([number]) WHERE number IS NOT NULL;');
        EXEC (N'CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [zone]);');
        INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120004, 1);
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO
