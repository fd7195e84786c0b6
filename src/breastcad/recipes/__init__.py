"""The publications as settings: what each did and reported, what is open. `plan` makes calls of them, `compared` tables."""
