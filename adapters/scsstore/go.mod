module example.com/usersession/adapters/scsstore

go 1.26.0

require (
	example.com/usersession v0.0.0
	github.com/alexedwards/scs/v2 v2.9.0
)

replace example.com/usersession => ../..
