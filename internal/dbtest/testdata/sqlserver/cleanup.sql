-- DeleteExpiredSessions

EXEC sp_executesql N'SET NOCOUNT ON; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; DECLARE @gone TABLE (expires datetimeoffset(6)); WITH picked AS (SELECT TOP (@p1) "expires" FROM "user_sessions" WITH (READPAST, UPDLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE "expires" >= @p2 AND "expires" <= @p3 ORDER BY "expires") DELETE FROM picked OUTPUT deleted."expires" INTO @gone; SELECT COUNT(*) AS usersession_rows, COUNT(*), MAX(expires) FROM @gone', N'@p1 bigint, @p2 datetimeoffset(6), @p3 datetimeoffset(6)', @p1, @p2, @p3;
--   with int64, time.Time, time.Time
