"""Fonts: the part of a font that a paper needs is cut out once for the papers that need the same signs.

The next paper of a kind to the same customer, and the same paper after a change, mostly show the same signs: a list of
goods has all digits and most letters. Cutting and compressing took a sixth of the time of a short paper.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

#: Cut fonts that are kept, of some 20 to 60 kB each.
_MOST_CUTS = 24
_cuts: OrderedDict[Any, bytes] = OrderedDict()


def remember_cuts(engine: Any) -> None:
    """Keep what HarfBuzz cuts out."""
    font_class = engine.pdf.fonts.Font
    cut = font_class._harfbuzz_subset

    def _harfbuzz_subset(self: Any, to_unicode: Any, hinting: bool) -> None:
        key = (self.hash, len(self.file_content), self.glyph_count, frozenset(to_unicode), hinting, bool(self.missing))
        known = _cuts.get(key)
        if known is None:
            cut(self, to_unicode, hinting)
            _cuts[key] = self.file_content
            if len(_cuts) > _MOST_CUTS:
                _cuts.popitem(last=False)
        else:
            self.file_content = known
            _cuts.move_to_end(key)

    font_class._harfbuzz_subset = _harfbuzz_subset
