-- From version 0 to 20260301120004 on sqlserver.
-- Run it with sqlcmd -b -I, which stops at the first error.
SET QUOTED_IDENTIFIER ON;
GO
SET ANSI_NULLS ON;
GO
SET XACT_ABORT ON;
GO
IF OBJECT_ID(N'usersession_schema_version') IS NULL
    CREATE TABLE usersession_schema_version (id INT NOT NULL IDENTITY(1,1) PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BIT NOT NULL, tstamp DATETIME NULL DEFAULT CURRENT_TIMESTAMP);
GO
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 0, 1 FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM usersession_schema_version);
GO

-- 20260301120000_init
BEGIN TRANSACTION;
GO
CREATE TABLE [user_sessions] (
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
);
GO
CREATE INDEX [idx_user_sessions_expires] ON [user_sessions] ([expires]);
GO
CREATE UNIQUE INDEX [idx_user_sessions_key] ON [user_sessions] ([partition_key], [key]);
GO
CREATE UNIQUE INDEX [idx_user_sessions_session] ON [user_sessions] ([partition_key], [session_id]) WHERE session_id IS NOT NULL;
GO
CREATE INDEX [idx_user_sessions_subject] ON [user_sessions] ([partition_key], [subject_id], [session_id]);
GO
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120000, 1);
GO
COMMIT TRANSACTION;
GO

-- 20260301120001_columns
BEGIN TRANSACTION;
GO
CREATE TABLE [audits] (
    [id] bigint IDENTITY(1,1) NOT NULL,
    [what] nvarchar(100) NOT NULL,
    CONSTRAINT [PK_audits] PRIMARY KEY ([id])
);
GO
ALTER TABLE [user_sessions] ADD [device] nvarchar(100) NULL;
GO
ALTER TABLE [user_sessions] ADD [region] nvarchar(20) NULL;
GO
ALTER TABLE [user_sessions] ADD [score] bigint NOT NULL CONSTRAINT [DF_user_sessions_score] DEFAULT (7);
GO
ALTER TABLE [user_sessions] ADD [level] bigint NULL CONSTRAINT [DF_user_sessions_level] DEFAULT (3) WITH VALUES;
GO
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);
GO
CREATE INDEX [idx_user_sessions_score] ON [user_sessions] ([score]);
GO
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120001, 1);
GO
COMMIT TRANSACTION;
GO

-- 20260301120003_alter
BEGIN TRANSACTION;
GO
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
GO
UPDATE [user_sessions] SET [device] = 'unknown' WHERE [device] IS NULL;
GO
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(200) NOT NULL;
GO
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT ('unknown') FOR [device];
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
GO
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_score] DEFAULT (8) FOR [score];
GO
ALTER TABLE [user_sessions] ADD [serial] nvarchar(40) NULL;
GO
CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([serial]) WHERE serial IS NOT NULL;
GO
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);
GO
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120003, 1);
GO
COMMIT TRANSACTION;
GO

-- 20260301120004_narrow
BEGIN TRANSACTION;
GO
DROP TABLE [audits];
GO
DROP INDEX [idx_user_sessions_score] ON [user_sessions];
GO
DROP INDEX [idx_user_sessions_serial] ON [user_sessions];
GO
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
GO
EXEC sp_rename N'[user_sessions].[region]', N'zone', N'COLUMN';
GO
EXEC sp_rename N'[user_sessions].[serial]', N'number', N'COLUMN';
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
GO
ALTER TABLE [user_sessions] DROP COLUMN [score];
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];
GO
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(50) NOT NULL;
GO
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT ('unknown') FOR [device];
GO
CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([number]) WHERE number IS NOT NULL;
GO
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [zone]);
GO
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120004, 1);
GO
COMMIT TRANSACTION;
GO
