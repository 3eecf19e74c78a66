// Package entities holds the GORM structs that define the schema of the user
// sessions. They are all that this module says about a team's tables: it ships no
// DDL, and its store never creates or alters a table.
//
// A team makes its table from [UserSession] in whichever way it makes its others:
// with the generator in package migrations, with Atlas, or with
//
//	db.AutoMigrate(&entities.UserSession{})
//
// A team that wants columns of its own embeds UserSession in a struct of its own:
//
//	type Session struct {
//		entities.UserSession
//		Device string `gorm:"size:100;index"`
//	}
//
// The store leaves such columns alone: a new session gets their defaults, so
// they must have one or be nullable.
package entities
