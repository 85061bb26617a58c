"""The flat client of the first documents."""
