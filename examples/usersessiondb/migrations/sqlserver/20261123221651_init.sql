-- 20261123221651_init
-- Generated from the entities for sqlserver. Review it before you commit it.

-- +goose Up
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
CREATE INDEX [idx_user_sessions_expires] ON [user_sessions] ([expires]);
CREATE UNIQUE INDEX [idx_user_sessions_key] ON [user_sessions] ([partition_key], [key]);
CREATE UNIQUE INDEX [idx_user_sessions_session] ON [user_sessions] ([partition_key], [session_id]) WHERE session_id IS NOT NULL;
CREATE INDEX [idx_user_sessions_subject] ON [user_sessions] ([partition_key], [subject_id], [session_id]);

-- +goose Down
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
DROP TABLE [user_sessions];
