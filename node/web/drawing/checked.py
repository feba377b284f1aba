"""The second look at what was drawn: nothing but the elements and attributes that drawing uses (threats I10). Pure.

The drawing process reads hostile bytes with libraries in C; whatever came out of it is judged here, by a grammar that
knows nothing of how it was made.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = (
    "h1|h2|h3|h4|h5|h6|dl|dt|dd|p|section|nav|span|b|i|u|s|ins|del|small|div|table|thead|tbody|tfoot|tr|th|td|caption|"
    "ul|ol|li|sub|sup|br|strong|code|pre|figure|figcaption|details|summary"
)
_TAG: Final = re.compile(
    rf"</?(?:{_PLAIN}|a)>"
    r'|<h[1-6] id="s[0-9]{1,6}">'
    r'|<a href="#s[0-9]{1,6}">'
    r'|<(?:span|p|div|ul|ol|strong|pre) class="[a-z-]{1,20}">'
    r'|<t[dh](?: colspan="[0-9]{1,2}")?(?: rowspan="[0-9]{1,2}")?(?: class="[a-z ]{1,12}")?>'
    r'|<img alt="[^"<>]{0,200}" width="[0-9]{1,5}" height="[0-9]{1,5}" src="data:image/webp;base64,[A-Za-z0-9+/=]*">'
)
_ANY: Final = re.compile("<[^<>]*>")


def is_drawing(html: str) -> bool:
    """Whether every tag is one of ours and nothing else begins or ends one."""
    tags = _ANY.findall(html)
    if html.count("<") != len(tags) or html.count(">") != len(tags):
        return False
    return all(_TAG.fullmatch(tag) for tag in set(tags))
