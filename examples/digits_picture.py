"""The picture of the training: the loss, what the hidden units look at, and the digits that were mistaken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from .train_digits import Data, History

matplotlib.use("Agg")
INK, PAPER, QUIET, WARM, COOL = "#1c2733", "#fbfaf7", "#8a929b", "#c8442f", "#2f6f9f"
WIDTH, HEIGHT = 16.0, 9.6  # inches
COLUMNS = 8
PENCIL = LinearSegmentedColormap.from_list("pencil", ["white", INK])
SIGNED = LinearSegmentedColormap.from_list("signed", [COOL, "white", WARM])


def title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", color=INK, fontsize=13, pad=10)


def plain(axes: Axes) -> None:
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    axes.tick_params(which="both", colors=QUIET, labelsize=10)


def show(
    figure: Figure, corner: tuple[float, float], size: float, image: np.ndarray, colour: str, **style: Any
) -> Axes:
    """An 8 × 8 image, `size` of the figure's width wide."""
    axes = figure.add_axes((*corner, size, size * WIDTH / HEIGHT))
    axes.imshow(image.reshape(8, 8), **style)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(colour)
    return axes


def draw_loss(axes: Axes, history: History) -> None:
    plain(axes)
    steps = np.arange(1, 1 + len(history.batches))
    per_epoch = len(history.batches) // len(history.tests)
    epochs = per_epoch * np.arange(1, 1 + len(history.tests))
    means = np.array(history.batches).reshape(len(history.tests), per_epoch).mean(1)
    axes.plot(steps, history.batches, color=QUIET, linewidth=0.5, alpha=0.45)
    for values, colour, name, lift in ((means, INK, "digits seen", -26), (history.tests, WARM, "unseen digits", 8)):
        axes.plot(epochs, values, color=colour, linewidth=2.2)
        place, shift = (epochs[-1], values[-1]), (0, lift)
        axes.annotate(
            f"{name} {values[-1]:.3f}",
            place,
            shift,
            textcoords="offset points",
            ha="right",
            color=colour,
            fontsize=12,
            bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
    axes.set_yscale("log")
    axes.set_xlim(0, len(steps))
    axes.set_ylim(means.min() / 6, 1.2 * max(history.batches))
    axes.set_xlabel("step", color=QUIET, fontsize=11)
    axes.yaxis.set_major_formatter("{x:g}")
    title(axes, "Cross-entropy: each batch in grey, means over an epoch")


def draw_accuracy(axes: Axes, history: History) -> None:
    plain(axes)
    wrong = 100 * (1 - np.array(history.accuracies))
    axes.plot(np.arange(1, 1 + len(wrong)), wrong, color=WARM, linewidth=2.2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g} %")
    axes.yaxis.set_minor_formatter("{x:g} %")
    axes.set_xlim(0, len(wrong))
    axes.set_xlabel("epoch", color=QUIET, fontsize=11)
    title(axes, f"Unseen digits not recognised: {wrong[-1]:.1f} % in the end")


def draw_grid(figure: Figure, heading: str, top: float, images: np.ndarray, **style: Any) -> list[Axes]:
    """Rows of eight images in the right half; `top` is where the heading stands, `pitch` the distance of rows."""
    left, right, gap, pitch = 0.54, 0.955, 0.007, style.pop("pitch")
    size = (right - left + gap) / COLUMNS - gap
    figure.text(left, top, heading, color=INK, fontsize=13)
    panels = []
    for place, image in enumerate(images):
        row, column = divmod(place, COLUMNS)
        corner = (left + column * (size + gap), top - 0.016 - (size * WIDTH / HEIGHT) - row * pitch)
        panels.append(show(figure, corner, size, image, QUIET, interpolation="bicubic", **style))
    return panels


def draw_units(figure: Figure, weight: np.ndarray) -> None:
    """The 8 × 8 weights of the hidden units that weigh most."""
    strongest = np.argsort(-np.abs(weight).sum(0))[: 4 * COLUMNS]
    images = weight[:, strongest].T
    limit = 0.8 * np.abs(images).max()
    heading = f"What {len(images)} of the hidden units look for (red) and against (blue)"
    draw_grid(figure, heading, 0.835, images, pitch=0.0875, cmap=SIGNED, vmin=-limit, vmax=limit)


def draw_mistakes(figure: Figure, model: Any, test: Data) -> None:
    """The digits that were mistaken, and those that came closest to it."""
    rows = np.arange(len(test))
    others = model(test.images)
    own = others[rows, test.labels]
    others[rows, test.labels] = -np.inf
    margin, rival = own - others.max(1), others.argmax(1)
    hardest = np.argsort(margin)[: 3 * COLUMNS]
    heading = f"The {len(hardest)} hardest of {len(test)} unseen digits: {np.sum(margin < 0)} are mistaken (red)"
    panels = draw_grid(figure, heading, 0.425, test.images[hardest], pitch=0.118, cmap=PENCIL, vmin=0, vmax=1)
    for axes, which in zip(panels, hardest, strict=True):
        label, wrong = test.labels[which], margin[which] < 0
        axes.set_xlabel(
            f"{label} read as {rival[which]}" if wrong else f"{label}", color=WARM if wrong else QUIET, fontsize=9.5
        )
        for spine in axes.spines.values():
            spine.set_color(WARM if wrong else QUIET)


def draw(model: Any, test: Data, history: History, path: Path) -> None:
    """Write the picture."""
    first, _, last = model.layers
    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor=PAPER)
    figure.text(
        0.045, 0.93, "A network of dataclasses learns handwritten digits", color=INK, fontsize=24, weight="bold"
    )
    count = sum(array.size for layer in (first, last) for array in (layer.weight, layer.bias))
    caption = (
        f"Chain(Dense, tanh, Dense), {count} parameters, {len(history.batches)} steps of "
        f"{1e3 * history.seconds / len(history.batches):.2f} ms, gradients by numzyme."
    )
    figure.text(0.045, 0.89, caption, color=QUIET, fontsize=12.5)
    draw_loss(figure.add_axes((0.07, 0.42, 0.40, 0.40)), history)
    draw_accuracy(figure.add_axes((0.07, 0.085, 0.40, 0.21)), history)
    draw_units(figure, first.weight)
    draw_mistakes(figure, model, test)
    figure.savefig(path, dpi=110)
