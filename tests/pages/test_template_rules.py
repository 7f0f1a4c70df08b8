"""What the content security policy forbids must not be in a template, nor in a style sheet."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
FORBIDDEN = {
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)", re.IGNORECASE),
    "an inline style sheet": re.compile(r"<style\b", re.IGNORECASE),
    "a style attribute": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "an event handler": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "another host": re.compile(r"(?:src|href|action)=[\"'](?:https?:)?//", re.IGNORECASE),
    "unescaped text": re.compile(r"\|\s*safe\b|autoescape off"),
}
# Django's own help texts (password rules) are markup.
MAY_BE_UNESCAPED = {"components/form_field.html"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_keeps_to_the_policy(path: Path) -> None:
    name = str(path.relative_to(ROOT / "templates"))
    text = path.read_text()
    found = [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]
    if name in MAY_BE_UNESCAPED:
        found.remove("unescaped text")
    assert found == []


def test_forms_that_change_something_are_sent_by_post_with_a_token() -> None:
    for path in TEMPLATES:
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.DOTALL):
            opening = form.partition(">")[0]
            if 'method="post"' in opening:
                assert "{% csrf_token %}" in form, path
            else:
                assert 'method="get"' in opening, path


def test_every_colour_is_a_token() -> None:
    for path in sorted((ROOT / "static" / "css").glob("*.css")):
        if path.name == "tokens.css":
            continue
        text = re.sub(r"@media print.*", "", path.read_text(), flags=re.DOTALL)
        assert re.findall(r"#[0-9a-f]{3,8}\b(?=[;, )])", text) == [], path.name


def test_every_static_file_that_is_named_exists(tmp_path: Path) -> None:
    storage = {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    }
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storage):
        call_command("collectstatic", verbosity=0, interactive=False)
    named = {
        name
        for path in TEMPLATES
        for name in re.findall(r"{% static [\"']([^\"']+)[\"'] %}", path.read_text())
    }
    assert named
    assert [name for name in sorted(named) if not (tmp_path / name).is_file()] == []
