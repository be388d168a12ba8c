"""Draws the pictures that a file of JSON describes: `python -m tests.benchmarks.drawing FILE FOLDER`.

Runs in the bench's environment, which has matplotlib and nothing of the service.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

PANEL_INCHES = (4.4, 3.2)
MOST_COLUMNS = 3
LINE_STYLES = ("-", "--", ":")  # where one curve covers another one, both are seen
DOTS_PER_INCH = 80
TIMES = "* a time: what else the machine did is in it. "


def main() -> None:
    described, folder = Path(sys.argv[1]), Path(sys.argv[2])
    content = json.loads(described.read_text())
    for picture in content["pictures"]:
        _draw(picture, f"{content['machine']}, {content['at'][:10]}", folder / f"{picture['name']}.png")


def _draw(picture: dict[str, Any], measured: str, path: Path) -> None:
    panels = picture["panels"]
    rows = -(-len(panels) // MOST_COLUMNS)
    columns = -(-len(panels) // rows)
    width, height = PANEL_INCHES
    figure, axes = pyplot.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    for place in axes.flat[len(panels) :]:
        place.set_axis_off()
    for place, panel in zip(axes.flat, panels, strict=False):
        _fill(place, panel)
        place.set_xlabel(picture["grows"])
        if picture["is_logarithmic"]:
            place.set_xscale("log")
        place.xaxis.set_major_formatter(EngFormatter(sep=""))
    remark = TIMES * any(panel["is_time"] for panel in panels) + measured
    figure.text(0.995, 0.005, remark, ha="right", va="bottom", fontsize=7, color="gray")
    figure.tight_layout(rect=(0, 0.04 / rows, 1, 1))
    figure.savefig(path, dpi=DOTS_PER_INCH)
    pyplot.close(figure)


def _fill(place: Axes, panel: dict[str, Any]) -> None:
    for (name, points), style in zip(panel["curves"].items(), LINE_STYLES, strict=False):
        place.plot(*zip(*points, strict=True), style, marker="o", markersize=4, label=name)
    place.set_title(panel["quantity"] + " *" * panel["is_time"], fontsize=10)
    place.set_ylabel(panel["unit"])
    place.set_ylim(0, 1.2 * max(value for points in panel["curves"].values() for _, value in points))
    place.grid(alpha=0.3)
    place.legend(fontsize=8)


if __name__ == "__main__":
    main()
