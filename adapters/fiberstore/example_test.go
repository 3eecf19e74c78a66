package fiberstore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/session"

	"example.com/usersession/adapters/fiberstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/ticket"
)

// plugIn makes fiber's session middleware keep its sessions in the store.
func plugIn(app *fiber.App, store bff.UserSessionStore, keys ticket.Protector) (*fiberstore.Storage, error) {
	storage, err := fiberstore.New(fiberstore.Config{
		Store: store, Partition: "shop", Protector: keys, Issuer: "https://id.example",
		Identify: func(values map[any]any) adapter.Identity {
			sub, _ := values["sub"].(string)
			sid, _ := values["sid"].(string)
			id := adapter.Identity{SubjectID: sub, SessionID: sid}
			if iat, ok := values["iat"].(int64); ok {
				id.IDTokenIssuedAt = time.Unix(iat, 0)
			}
			return id
		},
	})
	if err != nil {
		return nil, err
	}
	app.Use(recover.New()) // the middleware panics if the database is down
	app.Use(session.New(session.Config{
		Storage: storage, CookieSecure: true, CookieHTTPOnly: true,
		ErrorHandler: func(c fiber.Ctx, err error) { // a session cannot be saved
			status := fiber.StatusServiceUnavailable
			if errors.Is(err, adapter.ErrEnded) {
				status = fiber.StatusUnauthorized
			}
			_ = c.SendStatus(status)
			_ = c.SendString("the session cannot be saved")
		},
	}))
	return storage, nil
}

// newApplication is an application on fiber. Apart from plugIn and the back-channel logout, it
// is as it was.
func newApplication(store bff.UserSessionStore, keys ticket.Protector) (*fiber.App, *fiberstore.Storage, error) {
	app := fiber.New(fiber.Config{ErrorHandler: func(c fiber.Ctx, err error) error {
		if e, ok := errors.AsType[*fiber.Error](err); ok { // 503 if the database is down
			return c.SendStatus(e.Code)
		}
		return c.SendStatus(fiber.StatusInternalServerError)
	}})

	// The back-channel logout comes before the middleware: the provider has no session here.
	logout, err := backchannel.New(backchannel.Config{
		Sessions: backchannel.ForStore(store, "shop", "https://id.example"),
		Verifier: unverified{}, // a real program uses package oidcverify
		Replay:   backchannel.StoreReplayMemory{Store: store},
	})
	if err != nil {
		return nil, nil, err
	}
	// The context of the request is fasthttp's, which is used again after the request, and a
	// timer of the endpoint may still look at it: hence WithoutCancel.
	app.Post("/backchannel-logout", adaptor.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logout.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})))

	storage, err := plugIn(app, store, keys)
	if err != nil {
		return nil, nil, err
	}
	app.Get("/callback", func(c fiber.Ctx) error {
		// The OpenID Connect client has verified the ID token. These are its claims.
		s := session.FromContext(c)
		if err := s.Regenerate(); err != nil {
			return err
		}
		s.Set("sub", strings.Clone(c.Query("sub")))
		s.Set("sid", strings.Clone(c.Query("sid")))
		s.Set("iat", time.Now().Unix())
		return nil
	})
	app.Get("/me", func(c fiber.Ctx) error {
		sub, _ := session.FromContext(c).Get("sub").(string)
		return c.SendString(fmt.Sprintf("%q", sub))
	})
	return app, storage, nil
}

func Example() {
	// A real program uses usersession.NewGormStore and ticket.KeyRingFromEnv.
	app, sessions, err := newApplication(bff.NewInMemoryStore(), ticket.InsecureRandomKeyRing())
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	laptop, phone := signIn(app, "alice", "s1"), signIn(app, "alice", "s2")
	list, err := sessions.UserSessions(ctx, "alice")
	fmt.Println("sessions of alice:", len(list), err)
	fmt.Println("laptop:", get(app, "/me", laptop), "phone:", get(app, "/me", phone))

	// The identity provider ends the session of the laptop.
	fmt.Println("back-channel logout:", send(app, logoutToken(map[string]any{"sid": "s1"})))
	fmt.Println("laptop:", get(app, "/me", laptop), "phone:", get(app, "/me", phone))

	// The application ends all sessions of alice.
	n, err := sessions.EndSessions(ctx, "alice")
	fmt.Println("ended:", n, err)
	fmt.Println("laptop:", get(app, "/me", laptop), "phone:", get(app, "/me", phone))
	// Output:
	// sessions of alice: 2 <nil>
	// laptop: "alice" phone: "alice"
	// back-channel logout: 200
	// laptop: "" phone: "alice"
	// ended: 1 <nil>
	// laptop: "" phone: ""
}

// serve answers a request without a network.
func serve(app *fiber.App, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	adaptor.FiberApp(app)(w, r)
	return w
}

// signIn returns the cookie of a browser that signs in.
func signIn(app *fiber.App, sub, sid string) *http.Cookie {
	w := serve(app, httptest.NewRequest(http.MethodGet, "/callback?sub="+sub+"&sid="+sid, nil))
	return w.Result().Cookies()[0]
}

func get(app *fiber.App, path string, cookie *http.Cookie) string {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.AddCookie(cookie)
	return serve(app, r).Body.String()
}

// send sends a logout token, as the identity provider does.
func send(app *fiber.App, token string) int {
	r := httptest.NewRequest(http.MethodPost, "/backchannel-logout", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return serve(app, r).Code
}

// unverified accepts every signature.
type unverified struct{}

func (unverified) Verify(_ context.Context, token string) (backchannel.VerifiedToken, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return backchannel.VerifiedToken{}, errors.New("not a JWT")
	}
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	return backchannel.VerifiedToken{Header: header, Claims: claims}, nil
}

func logoutToken(claims map[string]any) string {
	claims["iss"], claims["jti"] = "https://id.example", adapter.NewSecret()
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Minute).Unix()
	claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	data, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"logout+jwt"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(data) + ".signature"
}
