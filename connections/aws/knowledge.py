"""What botocore knows of AWS's services, less what the portal never uses of it.

EC2 has 750 operations. botocore makes a method of each of them anew for every client, of which a
survey needs one in every region: that takes longer than the calls that are made with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.hooks import EventAliaser
from botocore.loaders import Loader, create_loader

# All operations that the portal calls of the services that are cut down; others are left whole.
OPERATIONS: Mapping[str, frozenset[str]] = {
    "ec2": frozenset(
        {
            "describe_addresses",
            "describe_images",
            "describe_instances",
            "describe_nat_gateways",
            "describe_network_interfaces",
            "describe_regions",
            "describe_security_groups",
            "describe_snapshots",
            "describe_volumes",
        }
    ),
}
_MODEL = "service-2"
_NAMES: dict[str, str] = {}


class Knowledge(Loader):  # type: ignore[misc]
    """Loads what botocore knows, each once. A service in OPERATIONS has no other operations."""

    def __init__(self) -> None:
        super().__init__()
        self._cut: dict[str, Mapping[str, Any]] = {}

    def list_available_services(self, type_name: str) -> list[str]:
        """Return all services. botocore would look into the folder of each, for one's sake."""
        places = [place for place in map(Path, self.search_paths) if place.is_dir()]
        return sorted({found.name for place in places for found in place.iterdir()})

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """Return a service's description of one kind, as botocore asks for it."""
        wanted = OPERATIONS.get(service_name)
        if wanted is None or type_name != _MODEL:
            return super().load_service_model(service_name, type_name, api_version)
        if service_name not in self._cut:
            # A loader keeps what it read; the whole of it is not worth keeping.
            whole = create_loader().load_service_model(service_name, type_name, api_version)
            self._cut[service_name] = _cut(whole, wanted)
        return self._cut[service_name]


class Events(EventAliaser):  # type: ignore[misc]
    """Tells handlers of events. Which name an event goes by is found out once for all clients."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._alias_name_cache = _NAMES


def _cut(whole: Mapping[str, Any], wanted: Iterable[str]) -> Mapping[str, Any]:
    """Return a service's description with these operations, and the shapes that they need."""
    operations = {
        name: operation
        for name, operation in whole["operations"].items()
        if xform_name(name) in wanted
    }
    shapes: dict[str, Any] = {}
    needed = list(_shapes_in(operations))
    while needed:
        name = needed.pop()
        if name not in shapes:
            shapes[name] = whole["shapes"][name]
            needed += _shapes_in(shapes[name])
    return {**whole, "operations": operations, "shapes": shapes}


def _shapes_in(described: Any) -> Iterator[str]:
    """Yield the names of shapes that a part of a description refers to."""
    if isinstance(described, list):
        for one in described:
            yield from _shapes_in(one)
    elif isinstance(described, dict):
        for name, value in described.items():
            if name == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _shapes_in(value)
