"""Takes a form apart while it comes: some fields, then one file, which is the last of it."""

from __future__ import annotations

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

MOST_FIELDS, MOST_BYTES = 10, 4_096
"""Of what stands in front of the file, and the longest of it."""


class BrokenFormError(Exception):
    """It is not a form of these pages."""


class FormReader:
    """The part of a form that has come.

    Args:
        content_type: the header.

    Raises:
        BrokenFormError: here and in ``write``.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise BrokenFormError
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None  # None: the file has not begun
        self.has_ended = False
        self._held = bytearray()  # of the file, until it is taken
        self._header, self._about = bytearray(), bytearray()  # name and content of a part's header
        self._name, self._value = "", bytearray()  # of a field
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_part_data": self._data,
                    "on_part_end": self._part_ends,
                    "on_header_field": lambda data, begin, end: self._header.extend(
                        data[begin:end]
                    ),
                    "on_header_value": lambda data, begin, end: self._about.extend(data[begin:end]),
                    "on_header_end": self._header_ends,
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise BrokenFormError from None

    def write(self, data: bytes) -> None:
        """Take some more of the body."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise BrokenFormError from None

    def taken(self, most: int, *, rest: bool) -> bytes:
        """So many bytes of the file, which are then forgotten; fewer only of the ``rest``."""
        if not rest and len(self._held) < most:
            return b""
        found = bytes(self._held[:most])
        del self._held[:most]
        return found

    def _part_begins(self) -> None:
        if self.file_name is not None or len(self.fields) >= MOST_FIELDS:
            raise BrokenFormError
        self._name = ""
        self._value.clear()

    def _header_ends(self) -> None:
        header, about = (each.decode("latin-1") for each in (self._header, self._about))
        self._header.clear()
        self._about.clear()
        if header.lower() != "content-disposition":
            return
        _, options = parse_options_header(about)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            self.file_name = options[b"filename"].decode("utf-8", "replace")

    def _data(self, data: bytes, begin: int, end: int) -> None:
        if self.file_name is not None:
            self._held += data[begin:end]
            return
        self._value += data[begin:end]
        if len(self._value) > MOST_BYTES:
            raise BrokenFormError

    def _part_ends(self) -> None:
        if self.file_name is None:
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _end(self) -> None:
        self.has_ended = True
