"""Architectures of one file each: config, model and counts together, known by the file's name (docs/new_architecture.md)."""
