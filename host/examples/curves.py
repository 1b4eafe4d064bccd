# SPDX-License-Identifier: Apache-2.0
"""Draws what a run logged: in the terminal, and as a picture.

curves.py trainer_state.json curves.svg    the loss of the training, and all that was measured in evaluations
"""

import json
import sys

BARS = " ▁▂▃▄▅▆▇█"
WIDTH, HEIGHT, EDGE = 560, 150, 30


def curves(history):
    """Name -> [(step, value)...], of the numbers that say how well it went."""
    found = {}
    for entry in history:
        for name, value in entry.items():
            if name == "loss" or name.startswith("eval_") and not name.endswith(("runtime", "_second", "_time")):
                found.setdefault(name, []).append((entry["step"], value))
    return found


def scaled(values):
    low, high = min(values), max(values)
    return [(value - low) / ((high - low) or 1) for value in values]


def in_terminal(points, columns=40):
    values = [value for _, value in points]
    last = len(values) - 1
    chosen = [values[round(i * last / (columns - 1))] for i in range(columns)] if last >= columns else values
    bars = "".join(BARS[1 + round(7 * height)] for height in scaled(chosen))
    return f"{bars}  {values[0]:.4g} to {values[-1]:.4g}"


def as_picture(name, points, top):
    steps, values = zip(*points)
    line = " ".join(
        f"{EDGE + x * (WIDTH - 2 * EDGE):.1f},{top + HEIGHT - EDGE - y * (HEIGHT - 2 * EDGE):.1f}"
        for x, y in zip(scaled(steps), scaled(values))
    )
    text = f"{name}: {min(values):.4g} to {max(values):.4g}, the last {values[-1]:.4g}; steps {steps[0]} to {steps[-1]}"
    return (
        f'<text x="{EDGE}" y="{top + 20}" font-family="sans-serif" font-size="13">{text}</text>'
        f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="2"/>'
    )


def main(state, picture):
    with open(state) as file:
        found = curves(json.load(file)["log_history"])
    for name, points in found.items():
        print(f"  {name:<14} {in_terminal(points)}")
    parts = [as_picture(name, points, i * HEIGHT) for i, (name, points) in enumerate(found.items())]
    with open(picture, "w") as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT * len(parts)}">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
