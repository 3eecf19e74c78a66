package migrations

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// An offlineDialector uses a team's dialector for the names of types and the quoting, but
// never connects.
type offlineDialector struct{ gorm.Dialector }

// Initialize replaces the dialector's own, which would open connections and query the
// server's version.
func (offlineDialector) Initialize(*gorm.DB) error { return nil }

// Apply forwards to the dialector if it changes the configuration: PostgreSQL's sets the
// maximum length of names, MySQL's the precision of times.
func (d offlineDialector) Apply(config *gorm.Config) error {
	if apply, ok := d.Dialector.(interface{ Apply(*gorm.Config) error }); ok {
		return apply.Apply(config)
	}
	return nil
}

// openOffline returns a handle with the team's naming and the dialect's types.
func openOffline(dialector gorm.Dialector, config *gorm.Config) (*gorm.DB, error) {
	own := &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true}
	if config != nil {
		// Only these fields are copied. A copy of the whole configuration would share
		// its cache of parsed models between dialects, although table names can differ.
		// And with a NowFunc, MySQL's Apply does not set the precision of times.
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

// ownNaming copies a naming strategy that Apply would change.
func ownNaming(naming schema.Namer) schema.Namer {
	if strategy, ok := naming.(*schema.NamingStrategy); ok && strategy != nil {
		own := *strategy
		return &own
	}
	return naming
}
