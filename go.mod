module netcase

go 1.26
