"""TalkBank's CHAT transcripts: the sentences of one participant, cut out by their time bullets.

The text is what was actually said: retracted words stay, and so does the spoken form where another
is given as intended; codes, events and word fragments are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from pylangacq import CHAT

from assistant.errors import AudioFileError
from assistant.listen import recordings
from assistant.personalise.data.corpus.pair import (
    Found,
    Pair,
    Problem,
    Skipped,
    leads_out,
    load,
    text_of,
    too_much,
    unfit,
    unheard,
    written,
)
from assistant.spoken import spoken_form
from assistant.values import SAMPLE_RATE

SUFFIX = ".cha"

USUAL = ("PAR", "CHI")
"""Whose sentences are used by default: the study participant's, or the child's."""

MARGIN_MS = 100
"""Sound kept around a sentence, outside all other bullets, since bullets are set by hand."""

MOST_REPEATS = 50
"""Most repetitions that a code may state; the CHAT library expands them all."""

ROUNDING_MS = 50
"""How far a bullet may extend beyond the end of the recording."""

BESIDE = ("media", "audio")
"""Folders beside a transcript that may hold its recording."""

_START = re.compile(r"@\w|%\w+:|\*\w+:(\s|$)")
_BULLET = re.compile(r'\x15(?:%\w+:"[^"]*"_)?(\d+)_(\d+)-?\x15')
_NOT_WORDS = re.compile(r"&(?!-)[^\s<>\[\]]*")  # events, fragments, nonwords, others' interjections
_WITHIN_WORDS = re.compile(
    r"[:^\N{MODIFIER LETTER VERTICAL LINE}\N{MODIFIER LETTER LOW VERTICAL LINE}]"
)
_UNINTELLIGIBLE = re.compile(r"x{2,}|y{2,}|w{3}")
_REPEATED = re.compile(r"\[x\s*\+?0*(\d+)\s*\]", re.IGNORECASE)
_CODE = re.compile(r"\[[^\[\]]*\]|\+<")


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance of a transcript."""

    number: int  # of its first line in the file, from 1
    speaker: str
    coded: str  # as in the file
    audible: str  # without most of the codes

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Its time bullets: from and to in ms."""
        return [(int(begin), int(end)) for begin, end in _BULLET.findall(self.coded)]

    @property
    def span(self) -> tuple[int, int] | None:
        """From the first to the last of its bullets in ms."""
        spans = self.spans
        return (spans[0][0], spans[-1][1]) if spans else None


@dataclass(frozen=True, slots=True)
class Transcript:
    """The readable part of a CHAT file."""

    lines: tuple[Line, ...]
    media: str  # the name in @Media, or empty
    media_line: int
    faults: tuple[tuple[int, str], ...]  # line number, what is wrong there


def transcripts(folder: Path) -> list[Path]:
    """The CHAT files in a folder and its subfolders, sorted."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == SUFFIX and not path.name.startswith(".")
    )


def pairs(
    path: Path, root: Path, participant: str | None = None, audio: Path | None = None
) -> Iterator[Found]:
    """One participant's sentences in a transcript, in order.

    Args:
        path: the CHAT file.
        root: the folder of the whole corpus; ``audio`` may have the same structure.
        participant: the speaker's code, by default the first of ``USUAL`` who speaks.
        audio: the recording's folder, by default beside the transcript.
    """
    name = written(path)
    try:
        transcript = parse(text_of(path))
    except (OSError, ValueError) as error:
        yield Problem(name, f"cannot be read as CHAT ({error})")
        return
    for number, why in transcript.faults:
        yield Problem(f"{name}:{number}", why)
    there = list(dict.fromkeys(line.speaker for line in transcript.lines))
    wanted = USUAL if participant is None else (participant.upper(),)
    speaker = next((code for code in wanted if code in there), None)
    if speaker is None:
        yield Problem(
            name,
            f"contains nothing said by {' or '.join(wanted)}, only by {', '.join(there)}: choose "
            "with --participant" if there else "contains no utterances",
        )  # fmt: skip
        return
    recording = _recording(path, root, transcript.media, audio)
    if recording is None:
        where = "there" if audio else f"beside it or in {' or '.join(f'{x}/' for x in BESIDE)}"
        yield Problem(
            f"{name}:{transcript.media_line}",
            f"has no recording: put {transcript.media or path.stem}.wav {where}, or name its "
            "folder with --audio",
        )
        return
    # no links out of the folder where it was found
    if (outside := leads_out(recording, recording.parent)) is not None:
        yield Problem(f"{name}:{transcript.media_line}", outside)
        return
    try:
        samples = load(recording)
    except AudioFileError as error:
        yield Problem(f"{name}:{transcript.media_line}", str(error))
        return
    spans = [span for line in transcript.lines if (span := line.span) is not None]
    for line in transcript.lines:
        if line.speaker == speaker:
            yield _pair(line, f"{name}:{line.number}", recording, samples, spans)


def parse(data: bytes) -> Transcript:
    """Read a CHAT file, leaving out malformed lines.

    Raises:
        ValueError: if the CHAT library finds different utterances.
    """
    lines, faults = _joined(data)
    coded = [(number, text) for number, text in lines if text.startswith("*")]
    cleaned = "\n".join(_readable(text) if text.startswith("*") else text for _, text in lines)
    reader = CHAT.from_strs([cleaned], parallel=False, strict=False, mor_tier=None, gra_tier=None)
    said = [each for each in reader.utterances() if each.participant is not None]
    if lines and not lines[-1][1].startswith("@End"):
        faults.append((lines[-1][0], "is the last line but not @End: is something missing?"))
    media = reader.headers()[0].media or {}
    return Transcript(
        lines=tuple(
            Line(number, (each.participant or "").upper(), text, each.audible or "")
            for (number, text), each in zip(coded, said, strict=True)
        ),
        media=(media.get("filename") or "").strip('" '),
        media_line=next((number for number, text in lines if text.startswith("@Media")), 1),
        faults=tuple(sorted(faults)),
    )


def said_in(line: Line) -> str:
    """The words of an utterance in spoken form; ``ValueError`` if some are unknown."""
    words = _WITHIN_WORDS.sub("", line.audible)
    if any(_UNINTELLIGIBLE.fullmatch(word) for word in words.lower().split()):
        raise ValueError("unintelligible")
    return spoken_form(words)


def cut_ms(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Where to cut for a bullet, in ms, with margins that never reach into other bullets."""
    begin, end = span
    before = max((other_end for other, other_end in spans if other < begin), default=0)
    after = min((other for other, other_end in spans if other_end > end), default=end + MARGIN_MS)
    return max(begin - MARGIN_MS, min(before, begin), 0), min(end + MARGIN_MS, max(after, end))


def _pair(
    line: Line,
    where: str,
    recording: Path,
    samples: NDArray[np.float32],
    spans: Sequence[tuple[int, int]],
) -> Found:
    fault = _fault(line, samples.shape[0] * 1_000 // SAMPLE_RATE)
    if fault is not None:
        return Problem(where, fault)
    if (span := line.span) is None:
        return Skipped(where, "no time bullet")
    begin, end = span
    seconds = (end - begin) / 1_000
    first, last = cut_ms(span, spans)
    cut = samples[first * SAMPLE_RATE // 1_000 : last * SAMPLE_RATE // 1_000].copy()
    try:
        text = said_in(line) if unfit(seconds) is None else ""
    except ValueError as error:
        return Skipped(where, str(error))
    if (fault := too_much(text, seconds)) is not None:
        return Problem(where, fault)
    if (why := unfit(seconds, text) or unheard(cut)) is not None:
        return Skipped(where, why)
    return Pair(cut, text, f"{written(recording.resolve())}#{begin}-{end}")


def _fault(line: Line, length_ms: int) -> str | None:
    """What is malformed in an utterance and makes its words or times unreliable."""
    if line.coded.count("\x15") != 2 * len(line.spans):
        return "has a broken time bullet"
    if not _is_bracketed(line.coded):
        return "has brackets that do not match"
    if _is_endless(line.coded):
        return f"repeats words more than {MOST_REPEATS} times"
    begin, end = line.span or (0, 1)
    if end <= begin:
        return f"has a time bullet that ends before it begins ({begin}_{end})"
    if end > length_ms + ROUNDING_MS:
        return f"has a time bullet to {end} ms, but the recording ends at {length_ms} ms"
    return None


def _readable(utterance: str) -> str:
    """The words of an utterance; none of a malformed one, which the library must not see."""
    speaker, _, coded = utterance.partition(":")
    is_well_formed = _is_bracketed(coded) and not _is_endless(coded)
    return f"{speaker}:{_NOT_WORDS.sub('', coded) if is_well_formed else ''}"


def _is_endless(coded: str) -> bool:
    """Whether repetitions, which may be nested, multiply beyond ``MOST_REPEATS``."""
    total = 1
    # of what is left when it is read: "[x 9&9]" becomes a repetition
    for times in _REPEATED.findall(_NOT_WORDS.sub("", coded)):
        total *= max(1, int(times[:9]))
    return total > MOST_REPEATS


def _is_bracketed(coded: str) -> bool:
    """Whether all brackets of an utterance match."""
    bare = _CODE.sub("", coded)
    depth = 0
    for char in bare:
        depth += {"<": 1, ">": -1}.get(char, 0)
        if depth < 0:
            return False
    return depth == 0 and not re.search(r"[][]", bare) and bare.count("(") == bare.count(")")


def _joined(data: bytes) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Logical lines of a file with their continuations, and faults: line number and text."""
    lines: list[tuple[int, str]] = []
    faults: list[tuple[int, str]] = []
    sound = False  # whether the current line is intact and can be continued
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        continues = raw[:1] in (b"\t", b" ")
        try:
            text = raw.decode().rstrip()
        except UnicodeDecodeError:
            faults.append((number, "is not UTF-8: save the file in that encoding"))
            if continues and sound:
                lines.pop()
            sound = False
            continue
        if continues:
            if sound:
                lines[-1] = (lines[-1][0], f"{lines[-1][1]} {text.strip()}")
        elif _START.match(text):
            lines.append((number, text))
            sound = True
        elif text:
            faults.append((number, "is neither a header (@), an utterance (*) nor a tier (%)"))
            sound = False
    return lines, faults


def _recording(path: Path, root: Path, media: str, audio: Path | None) -> Path | None:
    if audio is None:
        folders = [path.parent, *(path.parent / name for name in BESIDE)]
    else:
        folders = [audio / path.parent.relative_to(root), audio]
    named = PurePath(media).name.lower()
    stems = (named, PurePath(named).stem, path.stem.lower())
    found = [
        each
        for folder in folders
        if folder.is_dir()
        for each in sorted(folder.iterdir())
        if each.suffix.lower() in recordings.SUFFIXES and each.stem.lower() in stems
    ]
    # MP3 last: its encoders insert a gap at the start, which shifts every bullet
    return min(
        found,
        key=lambda each: (stems.index(each.stem.lower()), each.suffix.lower() == ".mp3"),
        default=None,
    )
