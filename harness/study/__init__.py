"""Studies with inspectors: design and plan one, read what was recorded, compare a machine with it."""
