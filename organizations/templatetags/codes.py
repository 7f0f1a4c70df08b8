"""AWS's codes and ids as people read them: in a narrow column they break where a part ends."""

import re

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# Between “Plan” and “Covered” of SavingsPlanCoveredUsage, and after the marks within an ARN.
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Z][a-z])|(?<=[:/._])(?=\w)")
# What the narrowest column holds in one line.
_FITS = 14


@register.filter
def breakable(text: object) -> SafeString | str:
    """Let the long words of a text break at their seams; what is copied stays the same text."""
    shown = str(text)
    if max(map(len, shown.split()), default=0) <= _FITS:
        return shown
    parts = ((part,) for part in _SEAM.split(shown))
    return format_html_join(mark_safe("<wbr>"), "{}", parts)
