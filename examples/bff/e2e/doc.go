// Package e2e has the end-to-end tests of examples/bff. They start the program as its
// users do, and sign in with a real Chromium. The package is a module of its own, so that
// the example does not depend on the browser's protocol.
//
// Without Chromium the tests are skipped, unless USERSESSION_REQUIRE names chromium.
// USERSESSION_CHROMIUM is the path of a browser that the tests do not find themselves.
// USERSESSION_SCREENSHOTS is a folder for screenshots of the pages.
package e2e
