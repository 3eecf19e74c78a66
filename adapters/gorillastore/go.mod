module example.com/usersession/adapters/gorillastore

go 1.26.0

replace example.com/usersession => ../..

require (
	example.com/usersession v0.0.0
	github.com/gorilla/sessions v1.4.0
)

require github.com/gorilla/securecookie v1.1.2 // indirect
