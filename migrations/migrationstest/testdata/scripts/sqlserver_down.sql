-- From version 20260301120004 to 0 on sqlserver.
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

-- 20260301120004_narrow
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120004 is not reverted: the last version of the database must be 20260301120004, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120004 AND is_applied = 1)
        PRINT N'version 20260301120004 is not applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 20260301120004)
            THROW 50000, N'version 20260301120004 is not reverted: the last version of the database must be 20260301120004', 1;
        EXEC (N'DROP INDEX [idx_user_sessions_serial] ON [user_sessions];');
        EXEC (N'DROP INDEX [idx_user_sessions_device] ON [user_sessions];');
        EXEC (N'EXEC sp_rename N''[user_sessions].[zone]'', N''region'', N''COLUMN'';');
        EXEC (N'EXEC sp_rename N''[user_sessions].[number]'', N''serial'', N''COLUMN'';');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];');
        EXEC (N'ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(200) NOT NULL;');
        EXEC (N'ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT (''unknown'') FOR [device];');
        EXEC (N'ALTER TABLE [user_sessions] ADD [score] bigint NOT NULL CONSTRAINT [DF_user_sessions_score] DEFAULT (8);');
        EXEC (N'CREATE INDEX [idx_user_sessions_score] ON [user_sessions] ([score]);');
        EXEC (N'CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([serial]) WHERE serial IS NOT NULL;');
        EXEC (N'CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);');
        EXEC (N'CREATE TABLE [audits] (
    [id] bigint IDENTITY(1,1) NOT NULL,
    [what] nvarchar(100) NOT NULL,
    CONSTRAINT [PK_audits] PRIMARY KEY ([id])
);');
        DELETE FROM usersession_schema_version WHERE version_id = 20260301120004;
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO

-- 20260301120003_alter
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from nvarchar(200) to nvarchar(100); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120003 is not reverted: the last version of the database must be 20260301120003, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120003 AND is_applied = 1)
        PRINT N'version 20260301120003 is not applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 20260301120003)
            THROW 50000, N'version 20260301120003 is not reverted: the last version of the database must be 20260301120003', 1;
        EXEC (N'DROP INDEX [idx_user_sessions_serial] ON [user_sessions];');
        EXEC (N'DROP INDEX [idx_user_sessions_device] ON [user_sessions];');
        EXEC (N'ALTER TABLE [user_sessions] DROP COLUMN [serial];');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];');
        EXEC (N'ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(100) NULL;');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];');
        EXEC (N'ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_score] DEFAULT (7) FOR [score];');
        EXEC (N'CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);');
        DELETE FROM usersession_schema_version WHERE version_id = 20260301120003;
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO

-- 20260301120001_columns
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120001 is not reverted: the last version of the database must be 20260301120001, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120001 AND is_applied = 1)
        PRINT N'version 20260301120001 is not applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 20260301120001)
            THROW 50000, N'version 20260301120001 is not reverted: the last version of the database must be 20260301120001', 1;
        EXEC (N'DROP INDEX [idx_user_sessions_device] ON [user_sessions];');
        EXEC (N'DROP INDEX [idx_user_sessions_score] ON [user_sessions];');
        EXEC (N'ALTER TABLE [user_sessions] DROP COLUMN [device];');
        EXEC (N'ALTER TABLE [user_sessions] DROP COLUMN [region];');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];');
        EXEC (N'ALTER TABLE [user_sessions] DROP COLUMN [score];');
        EXEC (N'ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_level];');
        EXEC (N'ALTER TABLE [user_sessions] DROP COLUMN [level];');
        EXEC (N'DROP TABLE [audits];');
        DELETE FROM usersession_schema_version WHERE version_id = 20260301120001;
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO

-- 20260301120000_init
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
BEGIN TRY
    IF OBJECT_ID(N'usersession_schema_version') IS NULL
        THROW 50000, N'version 20260301120000 is not reverted: the last version of the database must be 20260301120000, and the table usersession_schema_version does not exist', 1;
    BEGIN TRANSACTION;
    IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 20260301120000 AND is_applied = 1)
        PRINT N'version 20260301120000 is not applied';
    ELSE
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM usersession_schema_version WHERE is_applied = 1 HAVING MAX(version_id) = 20260301120000)
            THROW 50000, N'version 20260301120000 is not reverted: the last version of the database must be 20260301120000', 1;
        EXEC (N'DROP TABLE [user_sessions];');
        DELETE FROM usersession_schema_version WHERE version_id = 20260301120000;
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
GO
