package entities

// UserSession is a row of the user sessions table.
//
// The application's GORM NamingStrategy gives the table's name, user_sessions by default,
// and with it the names of the indexes. The names of the columns are fixed.
type UserSession struct {
	// ID orders the rows, and is the position from which a paged listing continues. It
	// has no meaning outside the table.
	ID int64 `gorm:"column:id;primaryKey;autoIncrement"`

	PartitionKey Identity `gorm:"column:partition_key;not null;uniqueIndex:,composite:key,priority:1;uniqueIndex:,composite:session,priority:1,where:session_id IS NOT NULL;index:,composite:subject,priority:1"`
	Key          Identity `gorm:"column:key;not null;uniqueIndex:,composite:key,priority:2"`

	// SubjectID is "" in a session that has no user yet. It is never NULL.
	SubjectID Identity `gorm:"column:subject_id;not null;index:,composite:subject,priority:2"`
	// SessionID is nil for a session without a session id. Any number of rows may be NULL
	// here. SQL Server treats NULLs in a unique index as equal and therefore needs the
	// condition of the index; MySQL does not support the condition and does not need it.
	SessionID *Identity `gorm:"column:session_id;uniqueIndex:,composite:session,priority:2,where:session_id IS NOT NULL;index:,composite:subject,priority:3"`

	Created Timestamp `gorm:"column:created;not null"`
	Renewed Timestamp `gorm:"column:renewed;not null"`
	// Expires is nil for a session that never expires.
	Expires *Timestamp `gorm:"column:expires;index"`

	// Ticket is never NULL. A session without a ticket has an empty one.
	Ticket []byte `gorm:"column:ticket;not null"`

	// Version is 1 in a new row and grows by 1 with each update.
	Version int64 `gorm:"column:version;not null"`
}
