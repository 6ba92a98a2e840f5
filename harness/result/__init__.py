"""A result folder: written whole or not at all, read back table by table, and the record of who did what with it."""
