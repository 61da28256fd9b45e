"""Tests of the differentiator on LLVM text."""
