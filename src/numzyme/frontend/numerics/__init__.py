"""What Python and NumPy compute and Numba does not, or otherwise: values, slopes, shapes that have to fit, layouts.

Decides for each such operation what the private target compiles in its place. Invariant: values are Python's and
NumPy's where Numba has none or reads beyond an array, and Numba's, to the bit, where only the slope was another.
"""
