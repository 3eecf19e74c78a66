// Package e2e has the end-to-end tests of examples/bff: the program as it is started by
// its users, and a real Chromium that signs in. It is a module of its own, so that the
// browser's protocol is no dependency of the example.
//
// Without a Chromium the tests are skipped, unless USERSESSION_REQUIRE names chromium.
// USERSESSION_CHROMIUM is the path of one that is not found by itself;
// USERSESSION_SCREENSHOTS is a folder for pictures of the pages.
package e2e
