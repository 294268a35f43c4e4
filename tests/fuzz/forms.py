"""Forms with a file, as a browser sends them: the first line is the type, the rest the body."""

from __future__ import annotations

from contextlib import suppress

from assistant.web.form_reader import MOST_BYTES, MOST_FIELDS, BrokenFormError, FormReader

_PART = b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nx\r\n'
_FILE = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.tar"\r\n\r\n\r\n--\r\nx\r\n'
)

SEEDS = [
    b"multipart/form-data; boundary=b\n" + _PART * 2 + _FILE + b"--b--\r\n",
    b'multipart/form-data; boundary="b"\n' + _FILE + _PART,
    b"multipart/form-data\n" + _PART,
]


def read(data: bytes) -> None:
    kind, _, body = data.partition(b"\n")
    with suppress(BrokenFormError):
        form = FormReader(kind.decode("latin-1"))
        for begin in range(0, len(body), 7):
            form.write(body[begin : begin + 7])
            assert len(form.taken(1_000, rest=True)) <= len(body)
        assert len(form.fields) <= MOST_FIELDS
        assert all(len(each.encode()) <= 3 * MOST_BYTES for each in form.fields.values())
