// Command provider is an OpenID Provider for the development of the program in the directory
// above. Its users have no passwords.
package main

import (
	"context"
	"fmt"
	"log"

	"example.com/usersession/bff/devprovider"
)

func main() {
	provider, err := devprovider.Start(context.Background(), devprovider.Config{
		Issuer: "http://127.0.0.1:9000",
		Clients: []devprovider.Client{{
			ID: "bff", Secret: "development",
			RedirectURIs:           []string{"http://localhost:8080/bff/callback"},
			PostLogoutRedirectURIs: []string{"http://localhost:8080/"},
			BackchannelLogoutURI:   "http://localhost:8080/bff/backchannel",
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the issuer is", provider.Issuer())
	log.Fatal(provider.Wait())
}
