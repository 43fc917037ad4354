"""The text of a PDF, as a screen reader would get it: glyphs through each font's ToUnicode map."""

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)endobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"/(\w+) [\d.]+ Tf|\[(.*?)\] ?TJ|<([0-9a-fA-F]+)> ?Tj|\bET\b", re.DOTALL)
_PAIR = re.compile(rb"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>")


def text_of(pdf: bytes) -> str:
    """Every text object on a line of its own, in the order of the pages' streams."""
    objects = objects_of(pdf)
    fonts = {
        name: _glyphs(_inflated(objects[int(to_unicode)]))
        for body in objects.values()
        for name, font in re.findall(rb"/(\w+) (\d+) 0 R", body)
        for to_unicode in re.findall(rb"/ToUnicode (\d+) 0 R", objects.get(int(font), b""))
    }
    pages = [_inflated(body) for _, body in sorted(objects.items()) if b"stream" in body]
    return "\n".join(_text(page, fonts) for page in pages if b" Tf" in page)


def objects_of(pdf: bytes) -> dict[int, bytes]:
    """{number: body} of every object, those in object streams unpacked."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    for body in list(objects.values()):
        first = re.search(rb"/First (\d+)", body)
        if b"/ObjStm" in body and first is not None:
            packed = _inflated(body)
            places = [int(number) for number in packed[: int(first[1])].split()]
            starts = [int(first[1]) + place for place in places[1::2]]
            for number, start, stop in zip(places[::2], starts, [*starts[1:], len(packed)], strict=True):
                objects[number] = packed[start:stop]
    return objects


def _inflated(body: bytes) -> bytes:
    found = _STREAM.search(body)
    if found is None:
        return b""
    return zlib.decompress(found[1]) if b"/FlateDecode" in body else found[1]


def _glyphs(to_unicode: bytes) -> dict[int, str]:
    return {
        int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be")
        for glyph, text in _PAIR.findall(to_unicode)
    }


def _text(page: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    written, glyphs = "", {}
    for name, shown, single in ((found[1], found[2], found[3]) for found in _SHOWN.finditer(page)):
        if name:
            glyphs = fonts.get(name, {})
        elif shown or single:
            for text in re.findall(rb"<([0-9a-fA-F]+)>", shown) if shown else [single]:
                written += "".join(
                    glyphs.get(int(text[at : at + 4], 16), "?") for at in range(0, len(text), 4)
                )
        else:
            written += "\n"
    return written
