"""The command line. `run` stands by itself; `application` has the rest. Importing this is free."""
