"""The picture of the fit: what each component looks like, how the fit went, where the components lie.

Everything is drawn from the fitted mixture alone; the labels of the digits serve only to colour and to count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from scipy.linalg import eigh

from .model import Mixture

matplotlib.use("Agg")
SAMPLES = 4  # drawn digits below each mean
WIDTH, HEIGHT = 16.0, 10.0  # inches
INK = "#1c2733"
PAPER = "#fbfaf7"
QUIET = "#8a929b"
DIGIT_COLOURS = [matplotlib.colormaps["tab10"](i) for i in range(10)]
PENCIL = LinearSegmentedColormap.from_list("pencil", ["white", INK])


@dataclass(frozen=True)
class Story:
    """All that the picture tells."""

    mixture: Mixture
    x: np.ndarray
    labels: np.ndarray
    to_image: Callable[[np.ndarray], np.ndarray]
    history: list[tuple[float, float]]
    gradient_seconds: float
    difference_seconds: float


def discriminant_plane(shares: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The (d, 2) projection that keeps the components of the fit furthest apart (Fisher's)."""
    counts = shares.sum(0)
    means = (shares.T @ x) / counts[:, None]
    centred = means - x.mean(0)
    between = (centred * counts[:, None]).T @ centred
    total = (x - x.mean(0)).T @ (x - x.mean(0))
    _, vectors = eigh(between, total)
    return vectors[:, :-3:-1] * np.sqrt(len(x))


def plain(axes: Axes) -> None:
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    axes.tick_params(colors=QUIET, labelsize=9)


def show_digit(axes: Axes, image: np.ndarray, colour: object, width: float) -> None:
    axes.imshow(image.reshape(8, 8), cmap=PENCIL, vmin=0, vmax=15, interpolation="bicubic")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(width)


def draw_components(figure: Figure, story: Story, order: np.ndarray, digits: np.ndarray) -> None:
    """A column for each component: its mean, its weight, and digits drawn from it."""
    random = np.random.default_rng(4)
    left, right, top, gap = 0.045, 0.955, 0.80, 0.012
    width = (right - left + gap) / len(order)
    size = width - gap
    aspect = WIDTH / HEIGHT
    small = (size - gap / 3) / 2
    for column, k in enumerate(order):
        x, colour = left + column * width, DIGIT_COLOURS[digits[k]]
        axes = figure.add_axes((x, top - size * aspect, size, size * aspect))
        show_digit(axes, story.to_image(story.mixture.means[[k]]), colour, 3.0)
        axes.set_title(f"{story.mixture.weights[k]:.1%}", color=INK, fontsize=11, pad=6)
        drawn = story.to_image(story.mixture.samples(k, SAMPLES, random))
        for i, image in enumerate(drawn):
            row, side = divmod(i, 2)
            corner = x + side * (small + gap / 3)
            down = size + gap / 2 + (row + 1) * small + row * gap / 3
            place = (corner, top - down * aspect, small, small * aspect)
            show_digit(figure.add_axes(place), image, colour, 0.8)


def draw_history(axes: Axes, story: Story) -> None:
    seconds, losses = np.array(story.history).T
    plain(axes)
    axes.plot(np.arange(len(losses)), losses, color=INK, linewidth=2)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, len(losses))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_title("Loss after each iteration", loc="left", color=INK, fontsize=12)
    axes.annotate(
        f"{losses[-1]:.2f} after {seconds[-1]:.1f} s",
        (len(losses), losses[-1]),
        (0, 10),
        textcoords="offset points",
        ha="right",
        color=INK,
        fontsize=11,
    )


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1e3 * seconds:.1f} ms"


def draw_cost(axes: Axes, story: Story) -> None:
    plain(axes)
    names = ["SciPy's finite\ndifferences", "numzyme"]
    times = [story.difference_seconds, story.gradient_seconds]
    axes.barh(names, times, color=[QUIET, "#c8442f"], height=0.55)
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 3, max(times) * 12)
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=10)
    for place, value in enumerate(times):
        axes.text(value * 1.25, place, duration(value), va="center", color=INK, fontsize=11)
    axes.set_title("Time of one gradient (log scale)", loc="left", color=INK, fontsize=12)


def draw_plane(axes: Axes, story: Story, shares: np.ndarray, digits: np.ndarray) -> None:
    plane = discriminant_plane(shares, story.x)
    points = story.x @ plane
    axes.set_facecolor("none")
    colours = [DIGIT_COLOURS[label] for label in story.labels]
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=9, alpha=0.5, linewidths=0)
    for k, covariance in enumerate(story.mixture.covariances):
        values, vectors = np.linalg.eigh(plane.T @ covariance @ plane)
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        centre = story.mixture.means[k] @ plane
        for deviations, strength in ((1, 1.0), (2, 0.45)):
            span = 2 * deviations * np.sqrt(values)
            patch = Ellipse(tuple(centre), span[1], span[0], angle=angle, lw=1.6)
            patch.set_edgecolor((*DIGIT_COLOURS[digits[k]][:3], strength))
            patch.set_facecolor((*DIGIT_COLOURS[digits[k]][:3], 0.07))
            axes.add_patch(patch)
        axes.text(*centre, str(digits[k]), ha="center", va="center", fontsize=15, weight="bold", color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(
        "All digits in the plane that separates the components best; ellipses at one and two deviations",
        loc="left",
        color=INK,
        fontsize=12,
    )


def caption(story: Story) -> str:
    K, d = story.mixture.means.shape
    parameters = K + K * d + K * d * (d + 1) // 2
    return (
        f"{len(story.x)} images without labels, {parameters} parameters, {len(story.history) - 1} iterations "
        "of L-BFGS-B. Above: mean and weight of each component. Below: digits drawn from it."
    )


def draw(story: Story, path: Path) -> float:
    """Write the picture; returns the share of digits whose component is named after them."""
    shares = story.mixture.responsibilities(story.x)
    chosen = shares.argmax(1)
    K = len(story.mixture.weights)
    counts = np.array([np.bincount(story.labels[chosen == k], minlength=10) for k in range(K)])
    digits = counts.argmax(1)
    order = np.lexsort((-story.mixture.weights, digits))

    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor=PAPER)
    title = "A Gaussian mixture learns handwritten digits"
    figure.text(0.045, 0.925, title, color=INK, fontsize=24, weight="bold")
    figure.text(0.045, 0.88, caption(story), color=QUIET, fontsize=12.5)
    draw_components(figure, story, order, digits)
    draw_history(figure.add_axes((0.07, 0.265, 0.27, 0.15)), story)
    draw_cost(figure.add_axes((0.135, 0.075, 0.205, 0.10)), story)
    draw_plane(figure.add_axes((0.39, 0.025, 0.575, 0.40)), story, shares, digits)
    figure.savefig(path, dpi=110)
    return float(counts.max(1).sum() / counts.sum())
