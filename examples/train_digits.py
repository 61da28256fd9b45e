"""Train a small network on scikit-learn's handwritten digits; every gradient is numzyme's.

The model is ordinary dataclasses, the loss ordinary Python over a whole batch, the optimiser four lines around
`tree_map`. Prints accuracies and writes examples/train_digits.png.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from numzyme import make_zero, tree_map, value_and_grad

HIDDEN, EPOCHS, BATCH = 64, 40, 32
RATE, MOMENTUM = 0.05, 0.9
PICTURE = Path(__file__).parent / "train_digits.png"


# -- model
@dataclass
class Dense:
    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, x):
        return x @ self.weight + self.bias


@dataclass
class Chain:
    layers: tuple

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def tanh(x):
    return np.tanh(x)


# -- loss
def cross_entropy(scores, labels):
    """Mean of -log softmax(scores)[label] over the rows of a batch."""
    total = 0.0
    for row in range(len(labels)):
        top = scores[row].max()
        total += top + np.log(np.sum(np.exp(scores[row] - top))) - scores[row, labels[row]]
    return total / len(labels)


def loss(model, images, labels):
    return cross_entropy(model(images), labels)


loss_and_gradient = value_and_grad(loss)


# -- training step
def step(model, velocity, images, labels):
    """One step of gradient descent with momentum: the loss before it, the new model and velocity."""
    value, gradient = loss_and_gradient(model, images, labels)
    velocity = tree_map(lambda v, g: MOMENTUM * v - RATE * g, velocity, gradient)
    return value, tree_map(lambda p, v: p + v, model, velocity), velocity


# -- the rest: data, the loop, what it tells
def dense(inputs: int, outputs: int, random: np.random.Generator) -> Dense:
    return Dense(0.5 * random.normal(size=(inputs, outputs)) / np.sqrt(inputs), np.zeros(outputs))


def new_model(random: np.random.Generator, hidden: int = HIDDEN) -> Chain:
    return Chain((dense(64, hidden, random), tanh, dense(hidden, 10, random)))


@dataclass(frozen=True)
class Data:
    """Images as rows of 64 brightnesses from 0 to 1, and the digit that each shows."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def digits() -> tuple[Data, Data]:
    """1347 digits to train on and 450 to test with."""
    images, labels = load_digits(return_X_y=True)
    a, b, for_a, for_b = train_test_split(images / 16.0, labels, random_state=0, stratify=labels)
    return Data(a, for_a), Data(b, for_b)


def accuracy(model: Any, data: Data) -> float:
    """The share of digits that are recognised; the model runs in plain Python here."""
    return float(np.mean(model(data.images).argmax(1) == data.labels))


@dataclass
class History:
    """The loss of every batch, and after every epoch loss and accuracy on the test set. `seconds`: of all steps."""

    batches: list[float] = field(default_factory=list)
    tests: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    seconds: float = 0.0


def train(model: Any, training: Data, test: Data, epochs: int = EPOCHS) -> tuple[Any, History]:
    velocity, history, random = make_zero(model), History(), np.random.default_rng(1)
    with tqdm(range(epochs), desc="training", unit="epoch") as bar:
        for _ in bar:
            start = time.perf_counter()
            for batch in np.split(random.permutation(len(training)), range(BATCH, len(training), BATCH)):
                value, model, velocity = step(model, velocity, training.images[batch], training.labels[batch])
                history.batches.append(value)
            history.seconds += time.perf_counter() - start
            history.tests.append(loss(model, test.images, test.labels))
            history.accuracies.append(accuracy(model, test))
            bar.set_postfix(loss=f"{history.tests[-1]:.3f}", accuracy=f"{history.accuracies[-1]:.1%}")
    return model, history


def main() -> None:
    from .digits_picture import draw  # Matplotlib takes a second to import; training can do without

    training, test = digits()
    model = new_model(np.random.default_rng(0))
    start = time.perf_counter()
    first, _ = loss_and_gradient(model, training.images[:BATCH], training.labels[:BATCH])
    print(f"first gradient, compilation included: {time.perf_counter() - start:.2f} s; loss {first:.3f}")
    print(f"accuracy before training: {accuracy(model, test):.1%}")
    model, history = train(model, training, test)
    steps = len(history.batches)
    print(f"{steps} steps in {history.seconds:.1f} s: {1e3 * history.seconds / steps:.2f} ms each")
    print(f"accuracy: {accuracy(model, training):.1%} of the digits seen, {accuracy(model, test):.1%} of the unseen")
    draw(model, test, history, PICTURE)
    print(f"picture: {PICTURE.relative_to(Path.cwd()) if PICTURE.is_relative_to(Path.cwd()) else PICTURE}")


if __name__ == "__main__":
    main()
