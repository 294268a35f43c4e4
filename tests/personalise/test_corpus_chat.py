"""CHAT transcripts become exactly the pairs that were said, and faults cost only their lines."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.personalise.data.corpus import Found, Pair, Problem, Skipped, pairs
from assistant.personalise.data.corpus.chat import Line, cut_ms, said_in
from assistant.values import SAMPLE_RATE
from tests.journal.exchanges import sound

SECONDS = 60

HEAD = """@UTF8
@Begin
@Languages:\teng
@Participants:\tPAR Participant, INV Investigator
@ID:\teng|Pitt|PAR|64;|female|ProbableAD||Participant|||
@ID:\teng|Pitt|INV|||||Investigator|||
@Media:\tvisit, audio
"""

COOKIES = """*INV:\tjust tell me everything &=points that you see . •1000_3500•
%mor:\tadv|just v|tell
*PAR:\toh I see <the boy> [/] the boy (be)cause he's &-uh &+c
\tclimbing [//] reaching for a cookie . •3550_8000•
%com:\tpoints to the picture
*INV:\tmhm [<] . •7500_8600•
*PAR:\t+< and <she is> [///] the mother's (.) washing xxx dishes . •8100_11000•
@Comment:\tthe telephone rings
*PAR:\tshe's gonna [: going to] get wet [* s:r] , (1.5) you know ? •11000_14000•
*PAR:\tthe water &~gah is over+flowing in the ki:tchen@n sink [+ gram] . •14050_17250•
*PAR:\t0is a little girl [= the sister] laughing [=! laughs] +... •17400_20000•
*PAR:\tmhm . •20000_20250•
*PAR:\tno bullet on this one .
*PAR:\tthere are ½ cups . •21000_23000•
*PAR:\tyyy . •23000_24000•
*PAR:\t&=sighs . •24000_25000•
*INV:\tanything else ? •25000_26000•
*PAR:\t+" ice_cream “maybe” ‡ no no [x 2] , &*INV:right <I don't> [>] think so ! •26050_28000•
*PAR:\t<that is [/] that> [//] well that was all [!] . •28100_29000• I said so . •29100_30000•
*PAR:\ta very long story . •30000_50500•
@End
"""

SAID = {
    (3_550, 8_000): (
        (3_500, 8_000),
        "oh i see the boy the boy cause he's uh climbing reaching for a cookie",
    ),
    (11_000, 14_000): ((11_000, 14_050), "she's gonna get wet you know"),
    (14_050, 17_250): ((14_000, 17_350), "the water is over flowing in the kitchen sink"),
    (17_400, 20_000): ((17_300, 20_000), "a little girl laughing"),
    (26_050, 28_000): ((26_000, 28_100), "ice cream maybe no no no i don't think so"),
    (28_100, 30_000): ((28_000, 30_000), "that is that well that was all i said so"),
}
"""Bullets of the participant, where the sound is cut, and the words."""

LEFT_OUT = {
    "unintelligible": 2,
    "shorter than 0.3 s": 1,
    "no time bullet": 1,
    "fractions or other signs for numbers": 1,
    "no words": 1,
    "longer than 20 s": 1,
}


def write(folder: Path, text: str, name: str = "visit.cha") -> Path:
    """Write a transcript, in which time bullets are drawn as dots."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("•", "\x15"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "visit.wav"
    soundfile.write(path, sound(SECONDS) * 0.9, SAMPLE_RATE, subtype="PCM_16")
    return path


@pytest.fixture
def corpus(tmp_path: Path, visit: Path) -> Path:
    shutil.copy(visit, tmp_path / "visit.wav")
    return tmp_path


def bare(found: list[Found]) -> list[tuple[str, str, int]]:
    """Pairs by source, text and number of samples."""
    return [
        (Path(each.source).name, each.text, each.samples.shape[0])
        for each in found
        if isinstance(each, Pair)
    ]


def problems(found: list[Found]) -> list[tuple[str, str]]:
    return [
        (Path(each.where).name, each.why)
        for each in found
        if isinstance(each, Problem)
    ]  # fmt: skip


def test_a_transcript_becomes_exactly_these_pairs(corpus: Path) -> None:
    path = write(corpus, HEAD + COOKIES)
    whole, _ = soundfile.read(corpus / "visit.wav", dtype="float32")
    found = list(pairs(path))
    sentences = [each for each in found if isinstance(each, Pair)]
    assert [(each.source, each.text) for each in sentences] == [
        (f"{corpus / 'visit.wav'}#{begin}-{end}", text) for (begin, end), (_, text) in SAID.items()
    ]
    for each, ((begin, end), _) in zip(sentences, SAID.values(), strict=True):
        np.testing.assert_array_equal(each.samples, whole[begin * 16 : end * 16])
    reasons = [each.why for each in found if isinstance(each, Skipped)]
    assert {why: reasons.count(why) for why in reasons} == LEFT_OUT
    assert problems(found) == []
    assert len(found) == len(SAID) + sum(LEFT_OUT.values())


def test_the_skipped_are_named_by_their_lines(corpus: Path) -> None:
    path = write(corpus, HEAD + COOKIES)
    found = {each.where: each.why for each in pairs(path) if isinstance(each, Skipped)}
    assert found[f"{path}:14"] == "unintelligible"
    assert found[f"{path}:20"] == "no time bullet"


def test_another_participant_is_taken_when_asked_for(corpus: Path) -> None:
    path = write(corpus, HEAD + COOKIES)
    assert bare(list(pairs(path, participant="inv"))) == [
        ("visit.wav#1000-3500", "just tell me everything that you see", 2_650 * 16),
        ("visit.wav#7500-8600", "mhm", 1_100 * 16),
        ("visit.wav#25000-26000", "anything else", 1_050 * 16),
    ]


def test_the_child_is_taken_where_there_is_no_participant(corpus: Path) -> None:
    path = write(corpus, "@Begin\n*MOT:\tlook . •0_900•\n*CHI:\ta dog . •1000_2000•\n@End\n")
    assert [text for _, text, _ in bare(list(pairs(path)))] == ["a dog"]


def test_who_is_there_is_told_when_nobody_fits(corpus: Path) -> None:
    path = write(corpus, "@Begin\n*MOT:\tlook . •0_900•\n*FAT:\tyes . •1000_2000•\n@End\n")
    assert problems(list(pairs(path))) == [
        (
            "visit.cha",
            "contains nothing said by PAR or CHI, only by MOT, FAT: choose with --participant",
        )
    ]
    assert "said by PAR, only" in problems(list(pairs(path, participant="PAR")))[0][1]
    path = write(corpus, "@Begin\n@End\n")
    assert problems(list(pairs(path))) == [("visit.cha", "contains no utterances")]


FAULTY = """*PAR:\tone is fine . •1000_2000•
*PAR no colon here . •2000_3000•
\twhich goes on
*PAR:\tbroken bullet . •3000_4000
*PAR:\tbackwards . •5000_4500•
*PAR:\ta <bracket that [/] stays open . •5000_6000•
*PAR:\ttwo is fine . •6500_7500•
stray text without a tab
*PAR:\ttoo late . •59000_60051•
*PAR:\tnot UTF-8 caf\xe9 . •8000_9000•
%com:\tnot UTF-8 either: \xe9
*PAR:\tnot UTF-8 below
\tcaf\xe9 . •9000_10000•
*PAR:\ta [broken code . •10000_11000•
*PAR:\t] . •10000_11000•
*PAR:\tthree is fine . •11500_12500•
*PAR:\tat the very end . •58000_60050•
"""


def test_faults_are_told_by_line_and_cost_nothing_else(corpus: Path) -> None:
    path = corpus / "visit.cha"
    path.write_bytes((HEAD + FAULTY).replace("•", "\x15").encode("latin-1"))
    found = list(pairs(path))
    assert bare(found) == [
        ("visit.wav#1000-2000", "one is fine", 1_200 * 16),
        ("visit.wav#6500-7500", "two is fine", 1_200 * 16),
        ("visit.wav#11500-12500", "three is fine", 1_200 * 16),
        ("visit.wav#58000-60050", "at the very end", 2_100 * 16),
    ]
    first = HEAD.count("\n")
    told = dict(problems(found))
    assert {int(where.split(":")[1]) - first: why for where, why in told.items()} == {
        2: "is neither a header (@), an utterance (*) nor a tier (%)",
        4: "has a broken time bullet",
        5: "has a time bullet that ends before it begins (5000_4500)",
        6: "has brackets that do not match",
        8: "is neither a header (@), an utterance (*) nor a tier (%)",
        9: "has a time bullet to 60051 ms, but the recording ends at 60000 ms",
        10: "is not UTF-8: save the file in that encoding",
        11: "is not UTF-8: save the file in that encoding",
        13: "is not UTF-8: save the file in that encoding",
        14: "has brackets that do not match",
        15: "has brackets that do not match",
        17: "is the last line but not @End: is something missing?",
    }
    assert not any(isinstance(each, Skipped) for each in found)


def test_a_folder_of_transcripts_goes_on_after_a_broken_one(corpus: Path, visit: Path) -> None:
    write(corpus, HEAD + "*PAR:\thello there . •1000_2000•\n@End\n", "a/one.cha")
    write(corpus, HEAD.replace("visit", "gone") + "*PAR:\thello . •1000_2000•\n@End\n", "b/two.cha")
    write(corpus, HEAD + "*PAR:\tbye now . •3000_4000•\n@End\n", "c/three.cha")
    (corpus / "d.cha").write_bytes(b"\x00\xff\x15" * 99)
    (corpus / "e.cha").mkdir()
    (corpus / "._one.cha").write_bytes(b"\xff")
    (corpus / "a" / "media").mkdir()
    (corpus / "c" / "Audio").mkdir()
    shutil.copy(visit, corpus / "a" / "media" / "visit.wav")
    shutil.copy(visit, corpus / "c" / "VISIT.WAV")
    found = list(pairs(corpus))
    assert [text for _, text, _ in bare(found)] == ["hello there", "bye now"]
    told = dict(problems(found))
    assert "._one.cha:1" not in told
    assert told["two.cha:7"] == (
        "has no recording: put gone.wav beside it or in media/ or audio/, or name its folder with "
        "--audio"
    )
    assert told["d.cha:1"].startswith("is not UTF-8")
    assert told["d.cha"] == "contains no utterances"
    assert told["e.cha"].startswith("cannot be read as CHAT")


def test_recordings_may_lie_in_a_folder_laid_out_alike(tmp_path: Path, visit: Path) -> None:
    sounds = tmp_path / "sounds"
    (sounds / "cc").mkdir(parents=True)
    write(tmp_path, "@Begin\n*PAR:\tone . •1000_2000•\n@End\n", "texts/cc/S001.cha")
    write(tmp_path, "@Begin\n*PAR:\ttwo . •1000_2000•\n@End\n", "texts/cd/S002.cha")
    shutil.copy(visit, sounds / "cc" / "S001.wav")
    shutil.copy(visit, sounds / "S002.wav")
    found = list(pairs(tmp_path / "texts", audio=sounds))
    assert [text for _, text, _ in bare(found)] == ["one", "two"]
    assert len(found) == 2


def test_of_stereo_at_another_rate_the_channel_with_sound_is_resampled(tmp_path: Path) -> None:
    seconds = np.arange(44_100 * 4) / 44_100
    tone = np.sin(2 * np.pi * 500 * seconds) * ((seconds > 1) & (seconds < 3))
    soundfile.write(tmp_path / "visit.flac", np.stack([tone, tone * 0], axis=1) * 0.8, 44_100)
    write(tmp_path, HEAD + "*PAR:\ta tone . •1000_3000•\n@End\n")
    (each,) = [each for each in pairs(tmp_path) if isinstance(each, Pair)]
    assert each.samples.shape == (2_200 * 16,)
    assert np.abs(each.samples[: 90 * 16]).max() < 0.01
    assert np.abs(each.samples[200 * 16 : 2_000 * 16]).max() == pytest.approx(0.8, abs=0.01)
    spectrum = np.abs(np.fft.rfft(each.samples))
    assert spectrum.argmax() * 16_000 / each.samples.shape[0] == pytest.approx(500, abs=1)


def test_a_damaged_recording_is_told_at_the_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "visit.wav").write_bytes(b"RIFF nothing")
    write(tmp_path, HEAD + "*PAR:\thello . •1000_2000•\n@End\n")
    ((where, why),) = problems(list(pairs(tmp_path)))
    assert where == "visit.cha:7"
    assert "is not a recording that can be read" in why


def test_bullets_of_old_transcripts_are_read(corpus: Path) -> None:
    write(corpus, HEAD + '*PAR:\tlong ago . •%snd:"visit.aif"_1000_2000•\n@End\n')
    assert bare(list(pairs(corpus))) == [("visit.wav#1000-2000", "long ago", 1_200 * 16)]


@pytest.mark.parametrize(
    ("span", "others", "wanted"),
    [
        ((1_000, 2_000), [], (900, 2_100)),
        ((50, 2_000), [], (0, 2_100)),
        ((1_000, 2_000), [(0, 950), (2_030, 3_000)], (950, 2_030)),
        ((1_000, 2_000), [(0, 1_000), (2_000, 3_000)], (1_000, 2_000)),
        ((1_000, 2_000), [(0, 1_500), (1_800, 3_000)], (1_000, 2_000)),
        ((1_000, 2_000), [(0, 5_000)], (1_000, 2_000)),
        ((1_000, 2_000), [(1_200, 1_400)], (900, 2_100)),
        ((1_000, 2_000), [(1_000, 2_000)], (900, 2_100)),
    ],
)
def test_a_cut_never_reaches_into_another_bullet(
    span: tuple[int, int], others: list[tuple[int, int]], wanted: tuple[int, int]
) -> None:
    assert cut_ms(span, [*others, span]) == wanted


@pytest.mark.parametrize("audible", ["xxx", "the XXX dog", "yy went", "www ."])
def test_what_nobody_understood_is_not_learned(audible: str) -> None:
    with pytest.raises(ValueError, match="unintelligible"):
        said_in(Line(1, "PAR", "", audible))


def test_no_damage_to_the_bytes_breaks_the_reading(corpus: Path) -> None:
    whole = write(corpus, HEAD + COOKIES).read_bytes()
    rng = random.Random(0)
    for _ in range(80):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 12)):
            place = rng.randrange(len(data))
            data[place : place + rng.choice([0, 1, 1, 40])] = rng.choice(
                [b"", b"\n", b"\x15", b"\t", b"*", b"@", b"<", b"]", b"\xff", b"\r", b"&", b"\x00"]
            )
        (corpus / "visit.cha").write_bytes(bytes(data))
        found = list(pairs(corpus))
        assert not any("cannot be read as CHAT" in why for _, why in problems(found))
        for _, text, _ in bare(found):
            assert re.fullmatch("[a-z']+( [a-z']+)*", text)
