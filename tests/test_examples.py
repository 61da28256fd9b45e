"""The example learns: its training step lowers the loss, and its picture can be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from examples.digits_picture import draw
from examples.train_digits import Data, accuracy, loss, loss_and_gradient, new_model, step, train
from numzyme import make_zero


def small_data() -> Data:
    """Rows of noise; the class says which of the first ten places is bright."""
    random = np.random.default_rng(0)
    images, labels = random.random((60, 64)), np.arange(60) % 10
    images[np.arange(60), labels] += 2.0
    return Data(images, labels)


def test_the_training_step_lowers_the_loss() -> None:
    data, model = small_data(), new_model(np.random.default_rng(1), hidden=8)
    velocity, before = make_zero(model), loss(model, data.images, data.labels)
    value, moved, velocity = step(model, velocity, data.images, data.labels)
    np.testing.assert_allclose(value, before, rtol=1e-12)
    assert loss(moved, data.images, data.labels) < before
    assert type(moved) is type(model) and moved.layers[1] is model.layers[1]
    for _ in range(20):
        _, moved, velocity = step(moved, velocity, data.images, data.labels)
    assert loss(moved, data.images, data.labels) < 0.9 * before


def test_the_gradient_of_the_example() -> None:
    data, model = small_data(), new_model(np.random.default_rng(1), hidden=8)
    _, gradient = loss_and_gradient(model, data.images, data.labels)
    random = np.random.default_rng(2)
    for layer, slope in ((model.layers[0], gradient.layers[0]), (model.layers[2], gradient.layers[2])):
        for array, derivative in ((layer.weight, slope.weight), (layer.bias, slope.bias)):
            direction = random.standard_normal(array.shape)
            values = []
            for move in (1e-6, -2e-6):
                array += move * direction
                values.append(loss(model, data.images, data.labels))
            array += 1e-6 * direction
            np.testing.assert_allclose((values[0] - values[1]) / 2e-6, np.sum(direction * derivative), rtol=1e-5)


def test_training_and_its_picture(tmp_path: Path) -> None:
    data = small_data()
    model, history = train(new_model(np.random.default_rng(1), hidden=8), data, data, epochs=20)
    assert history.tests[-1] < history.tests[0] and accuracy(model, data) > 0.3
    draw(model, data, history, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000
