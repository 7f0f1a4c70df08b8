"""Tags and cost categories as people know them, from the JSON of a bill's maps.

`tags`           resourceTags/user:CostCenter -> CostCenter, resourceTags/aws:createdBy ->
                 aws:createdBy, accountTag/Team stays, costCategory/Project is a cost category
`resource_tags`  user_cost_center -> cost_center, aws_created_by stays
legacy           user:CostCenter -> CostCenter; in Parquet as `resource_tags`
FOCUS            CostCenter, user:CostCenter -> CostCenter; aws:createdBy stays
Values stay exactly as delivered. A tag without a value is no tag, nor is one without a key.
"""

import json
from collections.abc import Mapping

from organizations.texts import storable

_RESOURCE_TAG = "resourceTags/"
_COST_CATEGORY = "costCategory/"
_USER_PREFIXES = ("user:", "user_")


def tag_set(tags_json: str, categories_json: str, *, normalised: bool = True) -> tuple[str, str]:
    """Return (tags, cost categories) as canonical JSON objects, for two maps as JSON or ''.

    `normalised`: a key may be spelled as AWS normalised it. Raises ValueError for what is no JSON
    object of texts.
    """
    tags: dict[str, str] = {}
    own_spelling: dict[str, str] = {}
    for key, value in _pairs(tags_json).items():
        if key.startswith(_COST_CATEGORY):
            own_spelling[key.removeprefix(_COST_CATEGORY)] = value
        else:
            tags[_tag_key(key, normalised=normalised)] = value
    return _canonical(tags), _canonical(own_spelling or _pairs(categories_json))


def _tag_key(key: str, *, normalised: bool) -> str:
    # A tag in its own spelling may well begin with "user_".
    own_spelling = key.startswith(_RESOURCE_TAG) or not normalised
    key = key.removeprefix(_RESOURCE_TAG)
    for prefix in _USER_PREFIXES[:1] if own_spelling else _USER_PREFIXES:
        if key.startswith(prefix) and key != prefix:
            return key.removeprefix(prefix)
    return key


def _pairs(text: str) -> Mapping[str, str]:
    if not text:
        return {}
    found = json.loads(text)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return {
        storable(key): storable(str(value))
        for key, value in found.items()
        if value not in (None, "")
    }


def _canonical(pairs: Mapping[str, str]) -> str:
    named = {key: value for key, value in pairs.items() if key}
    return json.dumps(named, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
