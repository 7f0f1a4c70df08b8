"""One measurement, one JSON object on a line."""

import json


def report(name: str, value: float, unit: str, baseline: float | None = None) -> None:
    ratio = None if baseline is None else round(value / baseline, 2)
    known = None if baseline is None else round(baseline, 3)
    line = {"name": name, "value": round(value, 3), "unit": unit, "baseline": known, "ratio": ratio}
    print(json.dumps(line), flush=True)
