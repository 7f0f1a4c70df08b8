"""JSON to inputs and connections to JSON. Secrets go in and never come out."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from connections import checks
from connections.aws.session import external_id_of
from connections.inputs import AuthInput, ConnectionInput, ExportInput, ExportMode
from connections.models import (
    AuthMethod,
    Connection,
    ConnectionKind,
    Export,
    ExportSchema,
    FileFormat,
    Granularity,
    Interval,
    JobHealth,
    RoleSource,
)
from organizations.crypto import Secret


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses fields which it does not know: a typing error is no default."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                raise ValidationError({name: ["This field is not known here."] for name in unknown})
        return super().to_internal_value(data)


class AuthSerializer(StrictSerializer):
    """How to sign in: the fields of one method."""

    _USED = {
        AuthMethod.ACCESS_KEY: {"access_key_id", "secret_access_key"},
        AuthMethod.ASSUME_ROLE: {"role_arn", "through"},
        AuthMethod.AMBIENT: set(),
        AuthMethod.COSTS_ONLY: {"account_id"},
    }

    method = serializers.ChoiceField(choices=AuthMethod.choices)
    access_key_id = serializers.CharField(max_length=128, required=False)
    secret_access_key = serializers.CharField(
        max_length=256, required=False, write_only=True, style={"input_type": "password"}
    )
    role_arn = serializers.CharField(max_length=2048, required=False)
    through = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**63 - 1,
        help_text="The payer's connection whose credentials assume the role; else the portal's.",
    )
    account_id = serializers.CharField(max_length=12, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields of another method: they would be dropped in silence."""
        method = AuthMethod(attrs["method"])
        wrong = set(attrs) - {"method"} - self._USED[method]
        if wrong:
            sentence = f"This does not belong to the method {method.value}."
            raise ValidationError({name: [sentence] for name in sorted(wrong)})
        return attrs


class ExportSerializer(StrictSerializer):
    """Which export to read. What is left out is found out."""

    mode = serializers.ChoiceField(
        choices=[(mode.value, mode.value) for mode in ExportMode], default=ExportMode.BUCKET_ONLY
    )
    schema = serializers.ChoiceField(choices=ExportSchema.choices, required=False)
    name = serializers.CharField(max_length=256, required=False, allow_blank=True, default="")
    bucket = serializers.CharField(max_length=1400, required=False, allow_blank=True, default="")
    prefix = serializers.CharField(
        max_length=1400, required=False, allow_blank=True, default="", trim_whitespace=True
    )
    region = serializers.CharField(max_length=30, required=False, allow_blank=True, default="")
    granularity = serializers.ChoiceField(
        choices=Granularity.choices, required=False, allow_blank=True, default=""
    )
    file_format = serializers.ChoiceField(
        choices=FileFormat.choices, required=False, allow_blank=True, default=""
    )


class ConnectionSerializer(StrictSerializer):
    """An account to connect."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=ConnectionKind.choices)
    auth = AuthSerializer()
    export = ExportSerializer(required=False, allow_null=True)
    import_every = serializers.ChoiceField(choices=Interval.choices, required=False)
    discover_every = serializers.ChoiceField(choices=Interval.choices, required=False)


class ConnectionChangeSerializer(StrictSerializer):
    """What may change of a connection."""

    name = serializers.CharField(max_length=100, required=False)
    auth = AuthSerializer(required=False)
    export = ExportSerializer(required=False)
    import_every = serializers.ChoiceField(choices=Interval.choices, required=False)
    discover_every = serializers.ChoiceField(choices=Interval.choices, required=False)


def connection_input(data: Mapping[str, Any]) -> ConnectionInput:
    """Return validated data of a ConnectionSerializer as the service takes it."""
    export = data.get("export")
    return ConnectionInput(
        name=data["name"],
        kind=ConnectionKind(data["kind"]),
        auth=auth_input(data["auth"]),
        export=export_input(export) if export else None,
        import_every=data.get("import_every"),
        discover_every=data.get("discover_every"),
    )


def auth_input(data: Mapping[str, Any]) -> AuthInput:
    """Return validated data of an AuthSerializer as the services take it."""
    return AuthInput(
        method=AuthMethod(data["method"]),
        access_key_id=data.get("access_key_id", ""),
        secret_access_key=Secret(data.get("secret_access_key", "")),
        role_arn=data.get("role_arn", ""),
        through_id=data.get("through"),
        account_id=data.get("account_id", ""),
    )


def export_input(data: Mapping[str, Any]) -> ExportInput:
    """Return validated data of an ExportSerializer as the services take it."""
    schema = data.get("schema")
    return ExportInput(
        bucket=data["bucket"],
        name=data["name"],
        prefix=data["prefix"],
        schema=ExportSchema(schema) if schema else None,
        mode=ExportMode(data["mode"]),
        region=data["region"],
        granularity=data["granularity"],
        file_format=data["file_format"],
    )


def connection_json(connection: Connection) -> dict[str, Any]:
    """Return what the API says of a connection."""
    return connections_json([connection])[0]


def connections_json(connections: Sequence[Connection]) -> list[dict[str, Any]]:
    """Return what the API says of connections of one organization. Takes four queries at most."""
    prefetch_related_objects(connections, Prefetch("health", JobHealth.objects.order_by("job")))
    exports = Export.objects.current(connections)
    results = checks.latest_results(connections)
    by_role = [one for one in connections if one.auth_method == AuthMethod.ASSUME_ROLE]
    external_id = external_id_of(by_role[0].organization) if by_role else ""
    return [
        {
            "id": one.pk,
            "name": one.name,
            "kind": one.kind,
            "account_id": one.account_id,
            "partition": one.partition,
            "status": one.status,
            "status_since": one.status_since,
            "message": one.status_message,
            "hint": one.status_hint,
            "paused": one.is_paused,
            "auth": _auth_json(one, external_id),
            "export": _export_json(exports[one.pk]) if one.pk in exports else None,
            "import_every": one.import_every,
            "discover_every": one.discover_every,
            "checks": results.get(one.pk, []),
            "health": [_health_json(row) for row in one.health.all()],
            "created_at": one.created_at,
        }
        for one in connections
    ]


def _auth_json(connection: Connection, external_id: str) -> dict[str, Any]:
    if connection.auth_method == AuthMethod.ACCESS_KEY:
        return {"method": connection.auth_method, "access_key_id": connection.access_key_id}
    if connection.auth_method == AuthMethod.ASSUME_ROLE:
        return {
            "method": connection.auth_method,
            "role_arn": connection.role_arn,
            "through": connection.through_id,
            "external_id": external_id,
        }
    return {"method": connection.auth_method}


def _export_json(export: Export) -> dict[str, Any]:
    names = ("schema", "name", "bucket", "prefix", "region", "granularity", "file_format")
    return {name: getattr(export, name) for name in names}


def _health_json(row: JobHealth) -> dict[str, Any]:
    error = {"class": row.error_class, "message": row.message, "hint": row.hint}
    return {
        "job": row.job,
        "ok": row.is_ok,
        "since": row.since,
        "error": None if row.is_ok else error,
        "last_run_at": row.last_run_at,
        "last_success_at": row.last_success_at,
    }


class MembersSerializer(StrictSerializer):
    """Which members to connect, and how."""

    account_ids = serializers.ListField(
        child=serializers.CharField(max_length=12), allow_empty=False, max_length=1000
    )
    role_name = serializers.CharField(
        max_length=512,
        required=False,
        allow_blank=True,
        default="",
        help_text="Assume arn:…:iam::{account}:role/{role_name} in each; empty: for costs only.",
    )
    role_source = serializers.ChoiceField(choices=RoleSource.choices, default=RoleSource.PAYER)
