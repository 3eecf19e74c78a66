module example.com/usersession

go 1.26
