"""Seven numerical programs, their gradients by numzyme, by hand and by other tools, timed side by side.

`python -m benchmarks` measures and writes RESULTS.md; `python -m benchmarks --check` only compares the
gradients with each other and with finite differences.
"""
