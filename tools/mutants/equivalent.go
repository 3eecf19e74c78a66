package main

// equivalent are the changes that survive and break no promise, with the reason.
var equivalent = []survivor{}
