"""The main job on real input: a Gaussian mixture fitted to handwritten digits with gradients by numzyme."""
