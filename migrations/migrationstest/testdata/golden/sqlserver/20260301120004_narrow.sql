-- 20260301120004_narrow
-- Generated from the entities for sqlserver. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from nvarchar(200) to nvarchar(50); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
DROP TABLE [audits];
DROP INDEX [idx_user_sessions_score] ON [user_sessions];
DROP INDEX [idx_user_sessions_serial] ON [user_sessions];
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
EXEC sp_rename N'[user_sessions].[region]', N'zone', N'COLUMN';
EXEC sp_rename N'[user_sessions].[serial]', N'number', N'COLUMN';
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
ALTER TABLE [user_sessions] DROP COLUMN [score];
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(50) NOT NULL;
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT ('unknown') FOR [device];
CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([number]) WHERE number IS NOT NULL;
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [zone]);

-- +goose Down
DROP INDEX [idx_user_sessions_serial] ON [user_sessions];
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
EXEC sp_rename N'[user_sessions].[zone]', N'region', N'COLUMN';
EXEC sp_rename N'[user_sessions].[number]', N'serial', N'COLUMN';
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(200) NOT NULL;
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT ('unknown') FOR [device];
ALTER TABLE [user_sessions] ADD [score] bigint NOT NULL CONSTRAINT [DF_user_sessions_score] DEFAULT (8);
CREATE INDEX [idx_user_sessions_score] ON [user_sessions] ([score]);
CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([serial]) WHERE serial IS NOT NULL;
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);
CREATE TABLE [audits] (
    [id] bigint IDENTITY(1,1) NOT NULL,
    [what] nvarchar(100) NOT NULL,
    CONSTRAINT [PK_audits] PRIMARY KEY ([id])
);
