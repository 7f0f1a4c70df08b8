"""What the last import of a month says of itself, as JSON: python -m bench.told"""

import json

import django

django.setup()

from billing.models import ImportRun  # noqa: E402 - after setup


def main() -> None:
    run = ImportRun.objects.filter(billing_period__isnull=False).latest("pk")
    told = {name: getattr(run, name) for name in ("rows_read", "rows_loaded", "timings")}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
