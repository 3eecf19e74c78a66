-- 20260301120001_columns
-- Generated from the entities for sqlserver. Review it before you commit it.

-- +goose Up
CREATE TABLE [audits] (
    [id] bigint IDENTITY(1,1) NOT NULL,
    [what] nvarchar(100) NOT NULL,
    CONSTRAINT [PK_audits] PRIMARY KEY ([id])
);
ALTER TABLE [user_sessions] ADD [device] nvarchar(100) NULL;
ALTER TABLE [user_sessions] ADD [region] nvarchar(20) NULL;
ALTER TABLE [user_sessions] ADD [score] bigint NOT NULL CONSTRAINT [DF_user_sessions_score] DEFAULT (7);
ALTER TABLE [user_sessions] ADD [level] bigint NULL CONSTRAINT [DF_user_sessions_level] DEFAULT (3) WITH VALUES;
CREATE INDEX [idx_user_sessions_device] ON [user_sessions] ([device], [region]);
CREATE INDEX [idx_user_sessions_score] ON [user_sessions] ([score]);

-- +goose Down
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
DROP INDEX [idx_user_sessions_device] ON [user_sessions];
DROP INDEX [idx_user_sessions_score] ON [user_sessions];
ALTER TABLE [user_sessions] DROP COLUMN [device];
ALTER TABLE [user_sessions] DROP COLUMN [region];
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_score];
ALTER TABLE [user_sessions] DROP COLUMN [score];
ALTER TABLE [user_sessions] DROP CONSTRAINT [DF_user_sessions_level];
ALTER TABLE [user_sessions] DROP COLUMN [level];
DROP TABLE [audits];
