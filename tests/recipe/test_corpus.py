from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

from models.recipe.corpus import Sentences, held_out_requests, recordings, spoken_form
from models.recipe.dialogues import exchanges, held_out
from models.recipe.llm import slip
from models.recipe.synthesis import HELD_OUT_VARIANTS, TRAIN_VARIANTS, Synthesiser, held_out_voice

SAYABLE = re.compile(r"[a-z']+( [a-z']+)*")


def test_dialogues_are_sayable_varied_and_reproducible() -> None:
    drawn = list(itertools.islice(exchanges(random.Random(5)), 4_000))
    again = list(itertools.islice(exchanges(random.Random(5)), 4_000))
    assert drawn == again
    assert all(SAYABLE.fullmatch(each.user) for each in drawn)
    assert not any(re.search(r"[0-9<>|]", each.reply + each.context.line()) for each in drawn)
    assert len({word for each in drawn for word in each.user.split()}) >= 1_500
    assert len({each.intent for each in drawn}) >= 60


def test_a_reply_depends_on_what_is_meant_and_not_on_the_phrasing() -> None:
    by_intent: dict[str, set[str]] = {}
    users: dict[str, set[str]] = {}
    for each in itertools.islice(exchanges(random.Random(6)), 20_000):
        if each.intent == "fallen":
            by_intent.setdefault(each.intent, set()).add(each.reply)
            users.setdefault(each.intent, set()).add(each.user)
    assert len(users["fallen"]) > 5
    assert len(by_intent["fallen"]) == 1


def test_held_out_sentences_and_voices_stay_out_of_training() -> None:
    assert not set(HELD_OUT_VARIANTS) & set(TRAIN_VARIANTS)
    requests = held_out_requests(1, 50)
    assert len(set(requests)) == 50
    assert all(map(held_out, requests))
    trained = set(itertools.islice(Sentences(3, None), 5_000))
    assert not trained & set(held_out_requests(2, 400))


def test_spoken_form_leaves_what_an_encoder_can_write() -> None:
    assert spoken_form("It\u2019s 'Peter's' half-past  two, isn't it?") == (
        "it's peter's half past two isn't it"
    )


def test_recordings_are_split_by_speaker_and_by_sentence(tmp_path: Path) -> None:
    ocean = tmp_path / "speech" / "speechocean762-train"
    kathleen = tmp_path / "speech" / "kathleen"
    ocean.mkdir(parents=True)
    kathleen.mkdir(parents=True)
    (ocean / "utterances.tsv").write_text(
        "file\tspeaker\tage\tgender\ttext\n"
        "a.opus\t0010\t6\tm\tone\n"
        "b.opus\t0015\t6\tm\ttwo\n"
        "c.opus\t0016\t6\tm\tthree\n"
    )
    (kathleen / "utterances.tsv").write_text(
        "file\ttext\nx/arctic_a0007_1.opus\tfour\nx/arctic_a0008_1.opus\tfive\n"
    )
    held = {clip.text for clip in recordings(tmp_path, held_out_part=True)}
    trained = {clip.text for clip in recordings(tmp_path, held_out_part=False)}
    assert (held, trained) == ({"one", "two", "four"}, {"three", "five"})


def test_held_out_voices_speak_and_say_when_they_say_what() -> None:
    synthesiser = Synthesiser()
    spoken = synthesiser.speak("good morning", held_out_voice(random.Random(4)))
    assert len(spoken.samples) > 6_000
    names = [name for _, name in spoken.phonemes]
    assert "m" in names
    times = [at for at, _ in spoken.phonemes]
    assert times == sorted(times)
    assert times[-1] <= len(spoken.samples)


def test_a_slip_changes_at_most_one_word() -> None:
    rng = random.Random(1)
    words = "i planted tomatoes in the garden".split()
    for _ in range(200):
        slipped = slip(words, rng)
        assert abs(len(slipped) - len(words)) <= 1
        assert len(set(words) - set(slipped)) <= 1
