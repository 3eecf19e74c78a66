-- From version 20260301120004 to 0 on sqlserver.
-- Run it with sqlcmd -b -I, which stops at the first error.
SET QUOTED_IDENTIFIER ON;
GO
SET ANSI_NULLS ON;
GO
SET XACT_ABORT ON;
GO

-- 20260301120004_narrow
BEGIN TRANSACTION;
GO
DROP INDEX [idx_user_sessions_serial] ON [user_sessions];
GO
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
GO
EXEC sp_rename N'[user_sessions].[zone]', N'region', N'COLUMN';
GO
EXEC sp_rename N'[user_sessions].[number]', N'serial', N'COLUMN';
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];
GO
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(200) NOT NULL;
GO
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT ('unknown') FOR [device];
GO
ALTER TABLE [user_sessions] ADD [score] bigint NOT NULL CONSTRAINT [DF_user_sessions_score] DEFAULT (8);
GO
CREATE INDEX [idx_user_sessions_score] ON [user_sessions] ([score]);
GO
CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([serial]) WHERE serial IS NOT NULL;
GO
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);
GO
CREATE TABLE [audits] (
    [id] bigint IDENTITY(1,1) NOT NULL,
    [what] nvarchar(100) NOT NULL,
    CONSTRAINT [PK_audits] PRIMARY KEY ([id])
);
GO
DELETE FROM usersession_schema_version WHERE version_id = 20260301120004;
GO
COMMIT TRANSACTION;
GO

-- 20260301120003_alter
BEGIN TRANSACTION;
GO
DROP INDEX [idx_user_sessions_serial] ON [user_sessions];
GO
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
GO
ALTER TABLE [user_sessions] DROP COLUMN [serial];
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];
GO
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(100) NULL;
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
GO
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_score] DEFAULT (7) FOR [score];
GO
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);
GO
DELETE FROM usersession_schema_version WHERE version_id = 20260301120003;
GO
COMMIT TRANSACTION;
GO

-- 20260301120001_columns
BEGIN TRANSACTION;
GO
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
GO
DROP INDEX [idx_user_sessions_score] ON [user_sessions];
GO
ALTER TABLE [user_sessions] DROP COLUMN [device];
GO
ALTER TABLE [user_sessions] DROP COLUMN [region];
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
GO
ALTER TABLE [user_sessions] DROP COLUMN [score];
GO
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_level];
GO
ALTER TABLE [user_sessions] DROP COLUMN [level];
GO
DROP TABLE [audits];
GO
DELETE FROM usersession_schema_version WHERE version_id = 20260301120001;
GO
COMMIT TRANSACTION;
GO

-- 20260301120000_init
BEGIN TRANSACTION;
GO
DROP TABLE [user_sessions];
GO
DELETE FROM usersession_schema_version WHERE version_id = 20260301120000;
GO
COMMIT TRANSACTION;
GO
