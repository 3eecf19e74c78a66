package entities

// UserSession is a row of the user sessions table.
//
// The table's name comes from the application's GORM NamingStrategy, user_sessions
// by default; names of indexes follow it. Names of columns are fixed.
type UserSession struct {
	// ID gives rows an order and pages a place to go on from. It means nothing
	// outside the table.
	ID int64 `gorm:"column:id;primaryKey;autoIncrement"`

	PartitionKey Identity `gorm:"column:partition_key;not null;uniqueIndex:,composite:key,priority:1;uniqueIndex:,composite:session,priority:1,where:session_id IS NOT NULL;index:,composite:subject,priority:1"`
	Key          Identity `gorm:"column:key;not null;uniqueIndex:,composite:key,priority:2"`

	SubjectID Identity `gorm:"column:subject_id;not null;index:,composite:subject,priority:2"`
	// SessionID is nil for a session without one. Any number of rows may be
	// without; the condition on the unique index says so to SQL Server, for which
	// one NULL equals another. MySQL has no such condition and needs none.
	SessionID *Identity `gorm:"column:session_id;uniqueIndex:,composite:session,priority:2,where:session_id IS NOT NULL;index:,composite:subject,priority:3"`

	Created Timestamp `gorm:"column:created;not null"`
	Renewed Timestamp `gorm:"column:renewed;not null"`
	// Expires is nil for a session that never expires.
	Expires *Timestamp `gorm:"column:expires;index"`

	// Ticket is never NULL; a session without one has an empty one.
	Ticket []byte `gorm:"column:ticket;not null"`

	// Version counts the writes of the row, beginning with 1.
	Version int64 `gorm:"column:version;not null"`
}
