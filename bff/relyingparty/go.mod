module example.com/usersession/bff/relyingparty

go 1.26.0

replace (
	example.com/usersession => ../..
	example.com/usersession/bff/backchannel/oidcverify => ../backchannel/oidcverify
)

require (
	example.com/usersession v0.0.0
	example.com/usersession/bff/backchannel/oidcverify v0.0.0
	github.com/coreos/go-oidc/v3 v3.21.0
	github.com/go-jose/go-jose/v4 v4.1.6
	golang.org/x/oauth2 v0.37.0
)

require github.com/google/uuid v1.6.0 // indirect
