"""Recordings of real frames: how each is built from its source. The bench reads only what they write."""
