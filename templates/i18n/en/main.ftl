title = Sign in
