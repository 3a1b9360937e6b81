"""Rows of the result, what each must reach, and how they are shown."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Target:
    """A bound that docs set on the `value`, the `ratio` to the ceiling, or the server's `cpu_us`."""

    of: str
    number: float
    is_least: bool = False

    def is_met(self, row):
        measured = getattr(row, self.of)
        return measured >= self.number if self.is_least else measured <= self.number

    def text(self, row):
        sign = "≥" if self.is_least else "≤"
        if self.of == "ratio":
            return f"{sign} {self.number:g} × ceiling"
        if self.of == "cpu_us":
            return f"{sign} {self.number:g} µs"
        return f"{sign} {quantity(self.number, row.unit)}"


def at_least(of, number):
    return Target(of, number, is_least=True)


def at_most(of, number):
    return Target(of, number)


@dataclass
class Row:
    what: str
    value: float
    unit: str
    cpu_us: float | None = None   # per operation, of the server
    ceiling: float | None = None  # in the same unit
    ratio: float | None = None    # value / ceiling
    targets: list = field(default_factory=list)
    samples: list = field(default_factory=list)  # what the value is the median of

    def met(self):
        if not self.targets:
            return ""
        missed = [target.of for target in self.targets if not target.is_met(self)]
        names = {"value": self.unit, "ratio": "ratio", "cpu_us": "CPU"}
        return "NO: " + ", ".join(names[name] for name in missed) if missed else "yes"

    def cells(self):
        show = lambda number: quantity(number, self.unit) if number is not None else ""
        return [self.what, show(self.value), f"{self.cpu_us:.2f} µs" if self.cpu_us is not None else "",
                show(self.ceiling), f"{self.ratio:.2f}" if self.ratio is not None else "",
                "; ".join(target.text(self) for target in self.targets), self.met()]


def quantity(number, unit):
    digits = 0 if abs(number) >= 1000 else 1 if abs(number) >= 10 else 2
    text = f"{number:,.{digits}f}"
    if digits:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{unit}" if unit.startswith("/") else f"{text} {unit}"


HEADINGS = ["what", "measured", "server CPU each", "ceiling", "ratio", "target", "met"]


def show(rows):
    table = [HEADINGS] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADINGS))]
    lines = []
    for number, line in enumerate(table):
        cells = [cell.rjust(width) if 1 <= i <= 4 else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(line, widths))]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def write_json(path, rows, failures, facts):
    document = {"facts": facts, "failures": failures,
                "rows": [asdict(row) | {"met": row.met()} for row in rows]}
    with open(path, "w") as file:
        json.dump(document, file, indent=1, ensure_ascii=False)
        file.write("\n")
