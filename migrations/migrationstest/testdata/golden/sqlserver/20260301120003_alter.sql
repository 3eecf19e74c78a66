-- 20260301120003_alter
-- Generated from the entities for sqlserver. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: makes user_sessions.device NOT NULL; rows with NULL get the default, and without one make the migration fail.
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
UPDATE [user_sessions] SET [device] = 'unknown' WHERE [device] IS NULL;
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(200) NOT NULL;
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_device] DEFAULT ('unknown') FOR [device];
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_score] DEFAULT (8) FOR [score];
ALTER TABLE [user_sessions] ADD [serial] nvarchar(40) NULL;
CREATE UNIQUE INDEX [idx_user_sessions_serial] ON [user_sessions] ([serial]) WHERE serial IS NOT NULL;
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);

-- +goose Down
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from nvarchar(200) to nvarchar(100); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
DROP INDEX [idx_user_sessions_serial] ON [user_sessions];
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
ALTER TABLE [user_sessions] DROP COLUMN [serial];
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_device];
ALTER TABLE [user_sessions] ALTER COLUMN [device] nvarchar(100) NULL;
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
ALTER TABLE [user_sessions] ADD CONSTRAINT [DF_user_sessions_score] DEFAULT (7) FOR [score];
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);
