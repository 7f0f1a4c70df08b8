"""`connections.resource_costs.normalised_id` as DuckDB's SQL: a test holds the two together."""

_ARN = "^arn:[^:]*:([^:]*):[^:]*:[^:]*:(.*)$"
_SERVICE = f"regexp_extract(resource_id, '{_ARN}', 1, 's')"
_REST = f"regexp_extract(resource_id, '{_ARN}', 2, 's')"
_AFTER_SLASH = f"substr({_REST}, strpos({_REST}, '/') + 1)"

NORMALISED_ID_SQL = f"""CASE
    WHEN NOT regexp_matches(resource_id, '{_ARN}', 's') THEN resource_id
    WHEN {_SERVICE} = 'ec2' THEN coalesce(nullif({_AFTER_SLASH}, ''), {_REST})
    WHEN {_SERVICE} = 'elasticloadbalancing' AND starts_with({_REST}, 'loadbalancer/')
            AND contains(substr({_REST}, length('loadbalancer/') + 1), '/')
        THEN substr({_REST}, length('loadbalancer/') + 1)
    WHEN {_SERVICE} = 's3' THEN {_REST}
    ELSE resource_id
END"""
