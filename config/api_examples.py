"""What calls look like, for those whose examples do not stand beside their view.

{operation id: (request body or None, answer or None)}. Of a list, one of its results.
"""

from typing import Any

_EXPORT = {
    "schema": "cur2",
    "name": "daily",
    "bucket": "acme-bills",
    "prefix": "cur",
    "region": "eu-west-1",
    "granularity": "daily",
    "file_format": "parquet",
}
_CHECK = {
    "action": "s3:GetObject",
    "state": "ok",
    "needed_for": "import",
    "reason": "",
    "policy": "",
}
_CONNECTION = {
    "id": 3,
    "name": "Acme payer",
    "kind": "root",
    "account_id": "111122223333",
    "partition": "aws",
    "status": "healthy",
    "status_since": "2026-11-20T06:00:12Z",
    "message": "",
    "hint": "",
    "paused": False,
    "auth": {"method": "access_key", "access_key_id": "AKIAIOSFODNN7EXAMPLE"},
    "export": _EXPORT,
    "import_every": 1,
    "discover_every": 6,
    "checks": [_CHECK],
    "health": [
        {
            "job": "import",
            "ok": True,
            "since": "2026-11-20T06:00:12Z",
            "error": None,
            "last_run_at": "2026-11-21T06:00:09Z",
            "last_success_at": "2026-11-21T06:00:09Z",
        }
    ],
    "created_at": "2026-11-02T09:30:00Z",
}
_CREATED = {**_CONNECTION, "created": []}
_WRITTEN = {
    "name": "Acme payer",
    "kind": "root",
    "auth": {
        "method": "access_key",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "the secret key",
    },
    "export": {"mode": "bucket_only", "schema": "cur2", "name": "daily", "bucket": "acme-bills"},
}
_RUN = {
    "id": 41,
    "connection": 3,
    "state": "queued",
    "step": "",
    "progress": {},
    "error": None,
    "started_at": None,
    "finished_at": None,
}
_IMPORT = {
    "id": 57,
    "connection": 3,
    "parent": 56,
    "billing_period": "2026-11",
    "state": "succeeded",
    "step": "",
    "trigger": "schedule",
    "attempt": 1,
    "rows_read": 184203,
    "rows_loaded": 21877,
    "bytes_read": 15402331,
    "export_total": "18422.9017331",
    "portal_total": "18422.9017331",
    "currency": "USD",
    "progress": {"files": 1, "files_read": 1, "rows": 184203, "seconds": 3.4, "step": ""},
    "warnings": [],
    "timings": {"fetch": 0.7, "group": 1.1, "load": 1.4},
    "skipped_accounts": [
        {"account_id": "444455556666", "name": "Sandbox", "amount": "310.25", "currency": "USD"}
    ],
    "error": None,
    "queued_at": "2026-11-21T06:00:03Z",
    "started_at": "2026-11-21T06:00:05Z",
    "finished_at": "2026-11-21T06:00:09Z",
}
_PAIR = {"old": "17208.4", "new": "17208.4", "difference": "0"}
_DELIVERED = {
    "loaded_at": "2026-11-04T06:10:00Z",
    "data_through": "2026-10-31",
    "final": True,
    "rows_read": 512044,
}
_MIGRATION = {
    "state": "switched",
    "old": {**_EXPORT, "schema": "legacy_cur", "name": "legacy"},
    "new": _EXPORT,
    "counts_from": "2026-10",
    "months": [
        {
            "billing_period": "2026-10",
            "counted_from": "new",
            "old": _DELIVERED,
            "new": _DELIVERED,
            "totals": [{"currency": "USD", "unblended_cost": _PAIR}],
            "accounts": [
                {
                    "account_id": "222233334444",
                    "name": "production",
                    "currency": "USD",
                    "unblended_cost": _PAIR,
                }
            ],
        }
    ],
}
_CONNECTING = {
    **_RUN,
    "results": [{"account_id": "222233334444", "state": "connected", "message": ""}],
}
_RESOURCE = {
    "id": 812,
    "type": "ec2_instance",
    "resource_id": "i-0f2dead076354a419",
    "arn": "arn:aws:ec2:eu-west-1:222233334444:instance/i-0f2dead076354a419",
    "name": "web-1",
    "account_id": "222233334444",
    "region": "eu-west-1",
    "state": "running",
    "tags": {"Team": "web"},
    "attributes": {"instance_type": "m5.large"},
    "first_seen": "2026-11-02T09:41:10Z",
    "last_seen": "2026-11-21T06:03:02Z",
    "gone_at": None,
    "month_to_date_cost": "48.3817",
    "last_month_cost": "71.424",
    "currency": "USD",
}
_FINDING = {
    "id": 77,
    "rule": "stopped_instances",
    "kind": "waste",
    "state": "open",
    "evidence": "Stopped for 41 days; its volumes cost on.",
    "since": "2026-10-11T08:00:00Z",
    "found_at": "2026-11-10T06:03:05Z",
    "closed_at": None,
    "dismissed_at": None,
    "dismissed_by": "",
    "dismissed_reason": "",
    "monthly_cost": "16.2",
    "currency": "USD",
    "resource": {
        "id": 812,
        "type": "ec2_instance",
        "resource_id": "i-0f2dead076354a419",
        "name": "web-1",
        "account_id": "222233334444",
        "region": "eu-west-1",
    },
}
_DISMISSED = {
    **_FINDING,
    "state": "dismissed",
    "dismissed_at": "2026-11-21T10:15:00Z",
    "dismissed_by": "fiona",
    "dismissed_reason": "Kept for the audit.",
}
_REPORT = {
    "id": 5,
    "name": "EC2 by account",
    "query": "period=last-month&group_by=account&service=AmazonEC2",
    "is_shared": True,
    "owner": None,
    "is_mine": False,
    "created_at": "2026-11-03T12:00:00Z",
    "updated_at": "2026-11-03T12:00:00Z",
}
_DELIVERY = {
    "id": 19,
    "export": "daily",
    "execution_id": "04e9e487-79a7-42b1-a680-1de7c660dc8f",
    "loaded_at": "2026-11-04T06:10:00Z",
    "is_final": True,
}

EXAMPLES: dict[str, tuple[Any, Any]] = {
    "allocation_rules": (
        None,
        {
            "id": 4,
            "position": 1,
            "cost_center": "web",
            "conditions": [{"on": "tag:Team", "operator": "is", "values": ["web", "shop"]}],
        },
    ),
    "cost_centers": (
        None,
        {
            "id": 2,
            "code": "shared",
            "name": "Shared platform",
            "split": "fixed",
            "shares": [{"center": "web", "percent": "62.5"}, {"center": "data", "percent": "37.5"}],
        },
    ),
    "connections_list": (None, _CONNECTION),
    "connections_create": (_WRITTEN, _CREATED),
    "connections_retrieve": (None, _CONNECTION),
    "connections_partial_update": ({"name": "Acme root", "import_every": 6}, _CREATED),
    "connections_check_create": (None, {**_RUN, "results": []}),
    "connections_discover_create": (None, _RUN),
    "connections_import_create": (
        None,
        {**_IMPORT, "parent": None, "billing_period": None, "state": "queued"},
    ),
    "connections_migration_retrieve": (None, _MIGRATION),
    "connections_migration_create": ({"export": _EXPORT}, {**_MIGRATION, "created": []}),
    "connections_migration_finish_create": (None, _MIGRATION),
    "connections_migration_switch_create": ({"from": "2026-10"}, _MIGRATION),
    "connections_migration_undo_create": (None, _MIGRATION),
    "connections_organization_retrieve": (
        None,
        {
            "connection": 3,
            "payer_account_id": "111122223333",
            "aws_organization_id": "o-exampleorgid",
            "listed": None,
            "listing_under_way": True,
            "members": [
                {
                    "account_id": "222233334444",
                    "name": "production",
                    "organizational_unit": "Root / Workloads",
                    "status": "ACTIVE",
                    "connected": True,
                    "connection": 4,
                    "costs_only": False,
                    "last_month": [{"month": "2026-10", "amount": "9120.44", "currency": "USD"}],
                }
            ],
        },
    ),
    "connections_organization_connect_create": (
        {
            "account_ids": ["222233334444"],
            "role_name": "countinghouse-read",
            "role_source": "payer",
        },
        {**_RUN, "results": []},
    ),
    "connections_organization_connect_retrieve": (None, _CONNECTING),
    "connections_organization_refresh_create": (None, {**_RUN, "members": [], "warnings": []}),
    "connections_detectable_exports_create": (
        {"auth": _WRITTEN["auth"]},
        {
            "exports": [
                {
                    **_EXPORT,
                    "usable": True,
                    "reasons": [],
                    "notes": [],
                    "preferred": True,
                    "months_delivered": 3,
                }
            ],
            "notes": [],
        },
    ),
    "external_id_retrieve": (
        None,
        {"external_id": "ch-4f6c0c0c2e0b4d0f9d2a", "trust_policy": None},
    ),
    "findings_list": (None, _FINDING),
    "findings_dismissal_create": ({"reason": "Kept for the audit."}, _DISMISSED),
    "findings_dismissal_destroy": (None, _FINDING),
    "imports_list": (None, _IMPORT),
    "imports_retrieve": (None, _IMPORT),
    "policies_retrieve": (
        None,
        {
            "mode": "read_only",
            "format": "json",
            "external_id": None,
            "documents": [],
            "files": [
                {
                    "name": "policy.json",
                    "place": "IAM",
                    "media_type": "application/json",
                    "text": "{…}",
                }
            ],
        },
    ),
    "resources_list": (None, _RESOURCE),
    "resource_retrieve": (None, {**_RESOURCE, "costs": [], "changes": [], "metrics": {}}),
    "resources_not_found": (
        None,
        {
            "month": "2026-11",
            "not_found": {"USD": "231.1"},
            "found": {"USD": "9120.44"},
            "services": [
                {
                    "service": "AmazonRDS",
                    "service_name": "Amazon Relational Database Service",
                    "reason": "not_collected",
                    "ids": 2,
                    "accounts": ["222233334444"],
                    "regions": ["eu-west-1"],
                    "amount": "231.1",
                    "currency": "USD",
                    "examples": [
                        {"id": "arn:aws:rds:eu-west-1:222233334444:db:shop", "amount": "200.5"}
                    ],
                }
            ],
        },
    ),
    "restatements": (
        None,
        {
            "connection": 3,
            "billing_period": "2026-10",
            "metric": "unblended_cost",
            "deliveries": [_DELIVERY, {**_DELIVERY, "id": 18, "is_final": False}],
            "from_delivery": 18,
            "to_delivery": 19,
            "differences": {"USD": "-12.5"},
            "changes": [
                {
                    "account_id": "222233334444",
                    "service": "AmazonEC2",
                    "charge_type": "Credit",
                    "currency": "USD",
                    "before": "0",
                    "after": "-12.5",
                    "difference": "-12.5",
                }
            ],
        },
    ),
    "saved_reports": (None, _REPORT),
    "saved_report": (None, _REPORT),
    "saved_report_create": (None, _REPORT),
    "saved_report_change": ({"is_shared": True}, _REPORT),
}
