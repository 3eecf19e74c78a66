package main

import "strings"

// deviceName returns the browser and the system that a User-Agent names, as in "Firefox
// on Linux", so that users recognize their sessions. It is for display only: clients
// choose their User-Agent.
func deviceName(userAgent string) string {
	find := func(pairs [][2]string, otherwise string) string {
		for _, pair := range pairs {
			if strings.Contains(userAgent, pair[0]) {
				return pair[1]
			}
		}
		return otherwise
	}
	browser := find([][2]string{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"HeadlessChrome/", "Headless Chrome"},
		{"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	}, "Unknown browser")
	system := find([][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
		{"Macintosh", "Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}, "unknown system")
	return browser + " on " + system
}
