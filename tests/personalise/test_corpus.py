from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from assistant.errors import CorpusError
from assistant.personalise.data.corpus import Found, Pair, pairs
from assistant.personalise.data.prompts import PROMPTS
from assistant.spoken import spoken_form
from tests.journal.exchanges import sound


def record(path: Path, seconds: float = 1.0, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound(seconds, seed) * 0.9, 16_000)
    return path


def by_name(found: list[Found]) -> dict[str, str]:
    """What became of each file or line: its text or the reason, by name."""
    return {
        Path(each.source if isinstance(each, Pair) else each.where).name: (
            each.text if isinstance(each, Pair) else f"{type(each).__name__}: {each.why}"
        )
        for each in found
    }


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("What time is it?", "what time is it"),
        ("  It\N{RIGHT SINGLE QUOTATION MARK}s\n'fine', isn't it…", "it's fine isn't it"),
        ("ice-cream, café!", "ice cream cafe"),
    ],
)
def test_the_spoken_form_is_what_the_encoder_writes(written: str, spoken: str) -> None:
    assert spoken_form(written) == spoken


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("a cup of ½", "fractions or other signs for numbers"),
        ("Добрый день", "letters that the speech encoder does not write"),
        ("?!", "no words"),
        ("", "no words"),
    ],
)
def test_what_the_encoder_cannot_write_is_refused(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        spoken_form(written)


def test_a_folder_of_recordings_with_texts(tmp_path: Path) -> None:
    for name in ("a.wav", "b.flac", "deep/c.ogg", "d.mp3", "e.wav", "f.wav", "g.wav", "h.wav"):
        record(tmp_path / name)
    record(tmp_path / "short.wav", 0.2)
    record(tmp_path / "long.wav", 20.5)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    texts = {
        "a.txt": "\N{ZERO WIDTH NO-BREAK SPACE}Hello, you!",
        "b.lab": "GOOD NIGHT",
        "deep/c.txt": "A cup\nof tea.\n",
        "d.txt": "Yes.",
        "e.txt": "Add ½ cup.",
        "g.txt": " \n",
        "short.txt": "Oh.",
        "long.txt": "On and on.",
        "broken.txt": "Where?",
        "readme.txt": "About all this.",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "h.txt").write_bytes(b"caf\xe9")
    found = list(pairs(tmp_path))
    broken = tmp_path / "broken.wav"
    assert by_name(found) == {
        "a.wav": "hello you",
        "b.flac": "good night",
        "c.ogg": "a cup of tea",
        "d.mp3": "yes",
        "e.txt": "Skipped: fractions or other signs for numbers",
        "f.wav": "Problem: has no text: write what is said in it to f.txt",
        "g.txt": "Skipped: no words",
        "h.txt": (
            "Problem: is not in UTF-8 but in Windows-1252 (Western European): save it as UTF-8"
        ),
        "short.txt": "Skipped: shorter than 0.3 s",
        "long.txt": "Skipped: longer than 20 s",
        "broken.txt": f"Problem: {broken} is not a recording that can be read (Error opening "
        f"{str(broken)!r}: Format not recognised.). Use WAV, FLAC, OGG or MP3.",
        "readme.txt": "Skipped: text without a recording",
    }
    (first, *_) = [each for each in found if isinstance(each, Pair)]
    assert first.source == str(tmp_path / "a.wav")
    assert first.seconds == 1.0


def test_a_table_names_recordings_and_texts(tmp_path: Path) -> None:
    record(tmp_path / "clips" / "a.wav")
    record(tmp_path / "clips" / "b.wav")
    table = tmp_path / "train.csv"
    table.write_bytes(
        b"\xef\xbb\xbfclient, Path ,age,Sentence\r\n"
        b'7,clips/a.wav,fifties,"Yes, please."\r\n'
        b"\r\n"
        b"7,clips/gone.wav,fifties,Hello.\r\n"
        b"7,clips/a.wav\r\n"
        b"7,,fifties,Hello.\r\n"
        b"7,clips/b.wav,fifties,caf\xe9\r\n"
        b'7,clips/b.wav,fifties,"open\r\n'
        b'7,clips/b.wav,fifties,quote"\r\n'
        b"7,clips/b.wav,fifties,\xc2\xbd cup\r\n"
        b"7,clips/b.wav,fifties,Good night\r\n"
    )
    gone = tmp_path / "clips" / "gone.wav"
    assert by_name(list(pairs(table))) == {
        "a.wav": "yes please",
        "train.csv:4": f"Problem: There is no recording {gone}. Check the path.",
        "train.csv:5": "Problem: has fewer columns than the first line",
        "train.csv:6": "Problem: names no recording",
        "train.csv:7": (
            "Problem: is not in UTF-8 but in Windows-1252 (Western European): "
            "save the table as UTF-8"
        ),
        "train.csv:9": "Problem: is not plain text, or has an unclosed quotation mark",
        "train.csv:10": "Skipped: fractions or other signs for numbers",
        "b.wav": "good night",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.tsv", 'id\tpath\ttranscript\n1\ta.wav\tShe said "yes.\n2\tb.wav\tAnd I said no.\n'),
        ("t.csv", "file;transcription\na.wav;She said yes.\nb.wav;And, I said, no.\n"),
        ("t.csv", '"audio","text","sentence"\n"a.wav","she said yes","-"\nb.wav,and i said no,-\n'),
    ],
)
def test_tables_of_other_makers(name: str, text: str, tmp_path: Path) -> None:
    record(tmp_path / "sounds" / "a.wav")
    record(tmp_path / "sounds" / "b.wav")
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = list(pairs(tmp_path / name, audio=tmp_path / "sounds"))
    assert by_name(found) == {"a.wav": "she said yes", "b.wav": "and i said no"}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "sep=;\r\npath;text\r\na.wav;Yes, a caf\u00e9.\r\nb.wav;No.\r\n"),
        ("t.csv", '"sep=|"\npath|text\na.wav|Yes, a caf\u00e9.\nb.wav|No.\n'),
        ("t.csv", 'path,text\na.wav,"Yes, a caf\u00e9."\nb.wav,No.\n'),
        ("t.tsv", "path\ttext\na.wav\tYes, a caf\u00e9.\nb.wav\tNo.\n"),
    ],
)
def test_what_spreadsheets_save_is_read(
    name: str, text: str, encoding: str, tmp_path: Path
) -> None:
    record(tmp_path / "a.wav")
    record(tmp_path / "b.wav")
    (tmp_path / name).write_bytes(f"{text}c.wav".encode(encoding))
    found = by_name(list(pairs(tmp_path / name)))
    assert found.pop("a.wav") == "yes a cafe"
    assert found.pop("b.wav") == "no"
    ((where, _),) = found.items()  # a row is named by its line in the file
    assert where == f"{name}:{1 + len(text.splitlines())}"


@pytest.mark.parametrize(
    ("encoding", "text", "named"),
    [
        ("cp1252", "A caf\u00e9 in M\u00fcnchen.", "Windows-1252"),
        (
            "cp1250",
            "Za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144.",
            "Windows-1250",
        ),
        ("shift_jis", "\u4eca\u65e5\u306f\u3044\u3044\u5929\u6c17\u3067\u3059\u306d", "Shift JIS"),
    ],
)
def test_an_encoding_that_is_not_read_is_named(
    encoding: str, text: str, named: str, tmp_path: Path
) -> None:
    record(tmp_path / "a.wav")
    (tmp_path / "t.csv").write_bytes(f"path,text\na.wav,{text}\n".encode(encoding))
    (told,) = by_name(list(pairs(tmp_path / "t.csv"))).values()
    assert f"is not in UTF-8 but in {named}" in told


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_a_text_beside_a_recording_is_read_in_any_unicode(encoding: str, tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_bytes("Yes, please.".encode(encoding))
    assert by_name(list(pairs(tmp_path))) == {"a.wav": "yes please"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gone", None, r"There is no .*gone\. Check the path"),
        ("empty/", None, "contains neither recordings nor CHAT transcripts"),
        ("talk.docx", b"PK", "is not a corpus. Name a table"),
        ("t.csv", b"path,words\n", "has no column text, sentence, transcript or transcription"),
        ("t.csv", b"", "has no column path, file or audio; its columns are unnamed"),
        ("t.csv", b"path,text\na.wav," + b"x" * 200_000, "t.csv is damaged"),
    ],
)
def test_what_is_no_corpus_is_told(
    name: str, content: bytes | None, told: str, tmp_path: Path
) -> None:
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=told):
        list(pairs(tmp_path / name))


def test_a_folder_of_recordings_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="There is no folder"):
        pairs(tmp_path, audio=tmp_path / "gone")


PHONEMES = (  # as espeak-ng writes them
    "p b t d k ɡ f v θ ð s z ʃ ʒ h tʃ dʒ m n ŋ l ɹ w j "  # noqa: RUF001
    "iː ɪ eɪ ɛ æ ɑː ɔː oʊ ʊ uː ʌ ə ɜː ɚ aɪ aʊ ɔɪ"  # noqa: RUF001
).split()


def test_the_first_fifty_prompts_hold_every_sound_of_english() -> None:
    done = subprocess.run(
        ["espeak-ng", "-q", "-v", "en-us", "--ipa", "--sep=_"],
        input="\n".join(PROMPTS[:50]), capture_output=True, text=True, check=True,
    )  # fmt: skip
    sounds = Counter(
        sound.strip("ˈˌ\u200d") for word in done.stdout.split() for sound in word.split("_")
    )
    assert {phoneme: sounds[phoneme] for phoneme in PHONEMES if sounds[phoneme] < 3} == {}


def test_prompts_are_short_and_plain_and_each_its_own() -> None:
    spoken = [spoken_form(prompt) for prompt in PROMPTS]
    assert len(set(spoken)) == len(PROMPTS) == 100
    assert [text for text in spoken if not 5 <= len(text.split()) <= 9] == []
