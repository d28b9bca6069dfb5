"""Data sets of objects that depth cameras cannot see, as published on disk."""
