// Package entities contains the GORM structs that define the schema of the user
// sessions. The module ships no DDL, and its store never creates or alters a table: the
// team does so, from these structs.
//
// A team creates the table from [UserSession] in the same way as its other tables:
// with the generator in package migrations, with Atlas, or with
//
//	db.AutoMigrate(&entities.UserSession{})
//
// A team that needs columns of its own embeds UserSession in its own struct:
//
//	type Session struct {
//		entities.UserSession
//		Device string `gorm:"size:100;index"`
//	}
//
// The store does not write such columns. A new row gets their defaults, so each of
// them must have a default or be nullable.
package entities
