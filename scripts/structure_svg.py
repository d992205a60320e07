"""Draws packages as columns of layers, with an arrow for each import between their parts."""

from collections.abc import Iterable
from html import escape

Layers = list[list[str]]
Graph = dict[str, set[str]]

BOX, GAP, ROW = 118, 26, 78  # width of a part, space between two, height of a layer
HEIGHT, MARGIN, INSET, HEADER = 30, 24, 44, 78
INK, FAINT, FILL, BACK = "#1c2733", "#8a97a6", "#ffffff", "#f3f5f8"
COLOURS = ("#0b62a4", "#a4460b", "#1d7a46", "#7a3d9c", "#96731a", "#0f7f86", "#a3245b", "#4a5a6b")
TITLES = {
    "worker": "worker: PyTorch",
    "service": "service: no PyTorch",
    "labelaudit": "labelaudit",
}


def without_implied(graph: Graph) -> Graph:
    """Only the imports that no longer path implies (the transitive reduction)."""

    def reach(start: str, seen: set[str]) -> set[str]:
        for other in graph[start]:
            if other not in seen:
                seen.add(other)
                reach(other, seen)
        return seen

    return {
        part: {
            other
            for other in imported
            if not any(other in reach(third, set()) for third in imported - {other})
        }
        for part, imported in graph.items()
    }


def columns_of(package: str, layers: Layers, graph: Graph) -> dict[str, float]:
    """Each part's centre: near the parts that import it, side by side within its layer."""
    widest = max(map(len, layers))
    x = {
        f"{package}.{name}": (place - (len(row) - 1) / 2) * (widest / len(row))
        for row in layers
        for place, name in enumerate(row)
    }
    for _ in range(30):
        for row in layers:
            parts = [f"{package}.{name}" for name in row]
            wanted = {}
            for part in parts:
                near = [x[o] for o in graph.get(part, ()) if o in x]
                near += [x[o] for o, imported in graph.items() if part in imported and o in x]
                wanted[part] = sum(near) / len(near) if near else x[part]
            if len(parts) == 1 and widest > 2:
                limit = (widest - 1) / 2
                x[parts[0]] = max(-limit, min(limit, wanted[parts[0]]))
            if len(parts) > 1:
                span = (widest - 1) / (len(parts) - 1) if len(parts) < widest else 1.0
                first = -(widest - 1) / 2
                for place, part in enumerate(sorted(parts, key=lambda one: wanted[one])):
                    x[part] = first + place * span
    return x


Point = tuple[float, float]


def bent(start: Point, end: Point, aside: float) -> tuple[Point, Point, Point, Point]:
    """A curve that leaves and arrives vertically, its middle moved aside."""
    (x1, y1), (x2, y2) = start, end
    bend = (y2 - y1) / 2
    return start, (x1 + aside, y1 + bend), (x2 + aside, y2 - bend), end


def crossed(curve: tuple[Point, Point, Point, Point], boxes: Iterable[Point]) -> int:
    """How many points along the curve lie on a box that is neither its start nor its end."""
    hits = 0
    for number in range(1, 40):
        t = number / 40
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x, y = (
            sum(weight * point[axis] for weight, point in zip(weights, curve, strict=True))
            for axis in (0, 1)
        )
        hits += any(abs(x - bx) < BOX / 2 + 5 and by - 5 < y < by + HEIGHT + 5 for bx, by in boxes)
    return hits


def arrow(start: Point, end: Point, boxes: list[Point], colour: str, marker: str) -> str:
    """An arrow that goes round the boxes where it can."""
    curves = [bent(start, end, side * step) for step in range(0, 110, 10) for side in (1, -1)]
    best = min(curves, key=lambda curve: crossed(curve, boxes))
    a, b, c, d = (f"{x:.0f} {y:.0f}" for x, y in best)
    return (
        f'<path d="M{a} C{b} {c} {d}" fill="none" stroke="{colour}" stroke-width="1.4" '
        f'marker-end="url(#{marker})"/>'
    )


def panel(package: str, layers: Layers, graph: Graph, left: float) -> tuple[list[str], float]:
    """The package's layers and arrows, and how wide they are."""
    widest = max(map(len, layers))
    width = widest * (BOX + GAP) + 2 * INSET
    middle = left + width / 2
    kept = without_implied({part: set(imported) for part, imported in graph.items()})
    x = columns_of(package, layers, kept)
    place: dict[str, Point] = {
        f"{package}.{name}": (
            middle + x[f"{package}.{name}"] * (BOX + GAP),
            float(HEADER + row * ROW),
        )
        for row, names in enumerate(layers)
        for name in names
    }
    bottom = HEADER + len(layers) * ROW - ROW + HEIGHT
    drawn = [
        f'<rect x="{left:.0f}" y="44" width="{width:.0f}" height="{bottom - 44 + MARGIN}" rx="8" '
        f'fill="{BACK}"/>',
        f'<text x="{middle:.0f}" y="30" class="title">{escape(TITLES[package])}</text>',
    ]
    for number, part in enumerate(sorted(place, key=lambda one: place[one][1])):
        which = number % len(COLOURS)
        targets = sorted(
            (other for other in kept.get(part, ()) if other in place), key=lambda one: place[one]
        )
        for turn, other in enumerate(targets):
            x1, y1 = place[part]
            x2, y2 = place[other]
            offset = (turn - (len(targets) - 1) / 2) * min(16, (BOX - 20) / len(targets))
            lean = max(-BOX / 2 + 12, min(BOX / 2 - 12, (x1 - x2) * 0.12))
            start, end = (x1 + offset, y1 + HEIGHT), (x2 + lean, y2 - 3)
            others = [where for name, where in place.items() if name not in (part, other)]
            drawn.append(arrow(start, end, others, COLOURS[which], f"head{which}"))
    for part, (cx, y) in place.items():
        drawn.append(
            f'<rect x="{cx - BOX / 2:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="5" '
            f'fill="{FILL}" stroke="{INK}"/>'
            f'<text x="{cx:.0f}" y="{y + 20:.0f}" class="part">{escape(part.split(".")[1])}</text>'
        )
    return drawn, width


def draw(panels: dict[str, tuple[Layers, Graph]]) -> str:
    """The whole picture. Packages stand from left to right; each imports those to its right."""
    left, body = float(MARGIN), []
    for package, (layers, graph) in panels.items():
        drawn, width = panel(package, layers, graph, left)
        body += drawn
        left += width + 46
        if package != list(panels)[-1]:
            body.append(
                f'<path d="M{left - 42:.0f} 26 h30" stroke="{INK}" stroke-width="2.5" '
                f'marker-end="url(#head)"/>'
            )
    total = left - 46 + MARGIN
    tall = HEADER + max(len(layers) for layers, _ in panels.values()) * ROW + 30
    heads = "".join(
        f'<marker id="head{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
        for name, colour in [*enumerate(COLOURS), ("", INK)]
    )
    caption = (
        "Every part imports only parts below it; packages import those to their right. "
        "An import that a longer path implies is left out."
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:.0f} {tall}" '
            f'width="{total:.0f}" height="{tall}" role="img" aria-label="{escape(caption)}">',
            "<style>text{font-family:system-ui,sans-serif;text-anchor:middle}"
            f".part{{font-size:14px;fill:{INK}}}.title{{font-size:15px;font-weight:600;fill:{INK}}}"
            f".caption{{font-size:13px;fill:{FAINT};text-anchor:start}}</style>",
            f"<defs>{heads}</defs>",
            f'<rect width="{total:.0f}" height="{tall}" fill="#ffffff"/>',
            *body,
            f'<text x="{MARGIN}" y="{tall - 14}" class="caption">{escape(caption)}</text>',
            "</svg>",
            "",
        ]
    )
