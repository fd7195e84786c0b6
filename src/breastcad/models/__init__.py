"""Model files and how networks are built, kept and exported. Importing this package loads no torch; `catalogue` never does."""
