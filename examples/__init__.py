"""Models trained with numzyme, end to end: `make example`."""
