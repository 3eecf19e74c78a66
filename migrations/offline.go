package migrations

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// An offlineDialector is a team's dialector that never connects: it says how types and
// names are written, and has no connections to ask anything with.
type offlineDialector struct{ gorm.Dialector }

// Initialize is where a dialector would open its connections and ask for a version.
func (offlineDialector) Initialize(*gorm.DB) error { return nil }

// Apply forwards what some dialectors do with the configuration: PostgreSQL's sets the
// greatest length of a name there, MySQL's the precision of times.
func (d offlineDialector) Apply(config *gorm.Config) error {
	if apply, ok := d.Dialector.(interface{ Apply(*gorm.Config) error }); ok {
		return apply.Apply(config)
	}
	return nil
}

// openOffline returns a handle that knows the team's naming and the dialect's types.
func openOffline(dialector gorm.Dialector, config *gorm.Config) (*gorm.DB, error) {
	own := &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true}
	if config != nil {
		// Not a copy of the whole: it would share the cache of parsed models, and with
		// it the names, with other dialects. A clock would keep MySQL's Apply from
		// doing its work.
		own.NamingStrategy = ownNaming(config.NamingStrategy)
		own.DisableForeignKeyConstraintWhenMigrating = config.DisableForeignKeyConstraintWhenMigrating
		own.IgnoreRelationshipsWhenMigrating = config.IgnoreRelationshipsWhenMigrating
	}
	db, err := gorm.Open(offlineDialector{dialector}, own)
	if err != nil {
		return nil, fmt.Errorf("migrations: open %s offline: %w", dialector.Name(), err)
	}
	return db, nil
}

// ownNaming copies a strategy that Apply would alter.
func ownNaming(naming schema.Namer) schema.Namer {
	if strategy, ok := naming.(*schema.NamingStrategy); ok && strategy != nil {
		own := *strategy
		return &own
	}
	return naming
}
