from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.bridge.checkpoint import read
from assistant.bridge.connect import Bridge
from assistant.bridge.kinds import named
from assistant.bridge.kinds.kind import TrainingContext
from assistant.config import Settings, load
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import CorpusError, TrainingError
from assistant.generate.gguf import GGUFFile
from assistant.generate.vocabulary import vocabulary
from assistant.journal.features import half
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.bridges.erasure import erase, forget
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.features import source_of
from assistant.personalise.data.synthetic import Sentence
from assistant.personalise.training.bootstrap import BootstrapRequest, bootstrap, own_texts
from assistant.personalise.training.events import (
    Collected,
    Encoded,
    Event,
    Judged,
    Nothing,
    Stepped,
)
from assistant.personalise.training.trainer import Interrupted
from tests.encode import tiny
from tests.generate import toys
from tests.journal.exchanges import record_of, utterance
from tests.personalise.lived_in import Traces

N_CTX = 4_096
SHORT = BootstrapRequest(utterances=3, steps=3)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A new pair of models, for which there is no bridge."""
    flags: dict[str, object] = {
        "journal.path": tmp_path / "data" / "journal.db",
        "generate.path": toys.write(tmp_path / "llm.gguf", toys.Toy(n_embd=32, n_ctx=N_CTX)),
        "generate.threads": 1,
        "generate.n_ctx": N_CTX,
        "generate.max_tokens": 4,
        "encode.path": tiny.write(tmp_path / "encoder"),
        "encode.threads": 1,
        "bridge.path": "",
        "personalise.held_out": 0.003,
        "personalise.memory_mb": 8_000,
    }
    return load(flags, environ={}, files=()).settings


def run(
    settings: Settings,
    plan: BootstrapRequest = SHORT,
    tell: Callable[[Event], None] = lambda _event: None,
    note: Callable[[str], None] = lambda _text: None,
    stop: threading.Event | None = None,
) -> Judged:
    outcome = bootstrap(settings, plan, tell, note, stop or threading.Event())
    assert isinstance(outcome, Judged)
    return outcome


def left(settings: Settings) -> set[str]:
    """Names of what is in the folder of bridges."""
    return {path.name for path in settings.bridges.iterdir()} - {"training.lock"}


def test_a_new_pair_gets_a_bridge_that_is_judged_and_kept(settings: Settings) -> None:
    told: list[Event] = []
    outcome = run(settings, tell=told.append)
    first, *events, last = told
    assert isinstance(first, Collected)
    assert first.train == 3
    assert first.held_out >= settings.personalise.tuned.min_held_out
    encoded = [event for event in events if isinstance(event, Encoded)]
    whole = first.train + first.held_out
    assert encoded == [Encoded(number, whole) for number in range(1, whole + 1)]
    steps = [event.step for event in events if isinstance(event, Stepped)]
    assert steps == [1, 2, 3]
    assert last == outcome
    assert outcome.numbers["held_out"] == first.held_out

    made = read(settings.bridges / f"{outcome.version}.safetensors")
    assert made.config.kind == "ctc"
    assert made.table == GGUFFile(settings.generate.path).embedding_fingerprint
    assert made.accepted == outcome.accepted
    assert "examples" not in made.provenance  # of its user's voice it knows nothing
    folder = BridgeFolder(settings.bridges)
    assert folder.current == (outcome.version if outcome.accepted else None)
    assert left(settings) - {"promoted.json"} == {f"{outcome.version}.safetensors"}
    with Journal.open(settings.journal) as journal:
        record = record_of(Lineage(journal), outcome.version)
    assert (record.head, record.start, record.turns) == ("ctc", "scratch", ())
    assert record.accepted == outcome.accepted


@pytest.mark.parametrize("head", ["letters", "anchored", "pooled"])
def test_every_head_can_begin_so(settings: Settings, head: str) -> None:
    plan = BootstrapRequest(head=head, utterances=2, steps=1)
    outcome = run(settings, plan)
    made = read(settings.bridges / f"{outcome.version}.safetensors")
    assert made.config.kind == ("bridgeformer" if head == "pooled" else head)
    assert named(head).bootstrap_steps


def test_untrained_a_new_pair_reads_as_the_encoder_does(settings: Settings) -> None:
    encoder = Wav2Vec2Encoder(settings.encode)
    features = encoder.encode(Sentence("good morning", 0).say())
    assert features.transcript.text
    with vocabulary(settings.generate.path) as language:
        tokens = language.tokens(features.transcript.text)
        context = TrainingContext(settings.personalise, source_of(encoder), language)
        for begun in (named(kind).untrained(context, tokens) for kind in ("letters", "anchored")):
            prompt = Bridge(begun, language, encoder.spelling).soft_prompt(features)
            assert prompt.heard == features.transcript.text
            np.testing.assert_allclose(prompt.rows, language.rows(tokens), atol=0.01)


def test_the_held_out_loss_falls(settings: Settings) -> None:
    told: list[Event] = []
    run(settings, BootstrapRequest(utterances=3, steps=12), told.append)
    steps = [event for event in told if isinstance(event, Stepped)]
    assert steps[0].held_out is not None
    assert steps[-1].held_out is not None
    assert steps[-1].held_out < 0.7 * steps[0].held_out


def test_broken_off_while_it_listens_it_encodes_only_the_rest(settings: Settings) -> None:
    def tell(event: Event) -> None:
        if isinstance(event, Encoded) and event.done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        run(settings, tell=tell)
    assert left(settings) == {"bootstrap.frames", "bootstrap.jsonl"}
    told: list[Event] = []
    run(settings, tell=told.append)
    assert next(event.done for event in told if isinstance(event, Encoded)) == 3


def test_broken_off_while_it_trains_it_goes_on_with_the_same_training(settings: Settings) -> None:
    stop = threading.Event()

    def tell(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 2:
            stop.set()

    with pytest.raises(Interrupted):
        run(settings, tell=tell, stop=stop)
    assert "bootstrap.safetensors" in left(settings)
    told: list[Event] = []
    run(settings, tell=told.append)
    assert not any(isinstance(event, Encoded) for event in told)
    assert [event.step for event in told if isinstance(event, Stepped)] == [3]


def test_own_texts_teach_it_and_take_it_with_them_when_they_go(settings: Settings) -> None:
    with Journal.open(settings.journal) as journal:
        turns = [
            journal.enrolled(utterance(0.3, seed=1), "Call my sister Ingrid.", Taught.ENROLLED),
            journal.typed("where is my blue hat"),
        ]
        refused = journal.typed("this is not for learning")
        journal.consent(refused, allowed=False)
        assert own_texts(journal.turns()) == {
            "call my sister ingrid": turns[0],
            "where is my blue hat": turns[1],
        }
        told: list[Event] = []
        outcome = run(settings, tell=told.append)
        assert isinstance(told[0], Collected)
        assert told[0].train == 3 + 2 * 8
        record = record_of(Lineage(journal), outcome.version)
        assert record.turns == tuple(turns)
        erased = erase(journal, BridgeFolder(settings.bridges), turns[:1], None)
        assert erased.bridges == (outcome.version,)


def test_an_erasure_takes_what_is_kept_of_own_texts_before_the_end(settings: Settings) -> None:
    def tell(event: Event) -> None:
        if isinstance(event, Stepped):
            raise Interrupted

    with Journal.open(settings.journal) as journal:
        turn = journal.typed("where is my blue hat")
        with pytest.raises(Interrupted):
            run(settings, tell=tell)
        assert {"bootstrap-own.frames", "bootstrap-own.jsonl"} <= left(settings)
        erase(journal, BridgeFolder(settings.bridges), [turn], None)
    assert left(settings) == {"bootstrap.frames", "bootstrap.jsonl"}


def corpus_of(folder: Path, *texts: str | None) -> Path:
    """Recordings, each with its text where it has one."""
    folder.mkdir()
    for number, text in enumerate(texts):
        sound = utterance(0.5, seed=number).samples
        soundfile.write(folder / f"{number}.wav", sound, 16_000)
        if text is not None:
            (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def test_after_an_interrupted_bootstrap_everything_of_a_corpus_can_be_forgotten(
    settings: Settings, tmp_path: Path
) -> None:
    stop = threading.Event()

    def tell(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 2:
            stop.set()

    plan = BootstrapRequest(corpora=(corpus_of(tmp_path / "corpus", "good evening"),), utterances=1)
    with Journal.open(settings.journal) as journal:
        journal.typed("where is my blue hat")
        with pytest.raises(Interrupted):
            run(settings, plan, tell, stop=stop)
        encoder = Wav2Vec2Encoder(settings.encode)
        sound, _ = soundfile.read(tmp_path / "corpus" / "0.wav", dtype="float32")
        found = encoder.encode(replace(utterance(0.5), samples=sound))
        frames = half(found.frames).tobytes()
        traces = Traces((frames[len(frames) // 2 :][:64], found.transcript.text.encode()))
        data = settings.journal.path.parent
        assert {name for name, _ in traces.left_in(data)} == {"bootstrap.frames", "bootstrap.jsonl"}
        assert left(settings) == {
            "bootstrap.safetensors", "bootstrap.frames", "bootstrap.jsonl",
            "bootstrap-own.frames", "bootstrap-own.jsonl",
        }  # fmt: skip
        forget(journal, BridgeFolder(settings.bridges), None)
    assert traces.left_in(data) == []
    assert left(settings) == set()


def test_a_bridge_for_elsewhere_knows_nothing_of_the_journal(
    settings: Settings, tmp_path: Path
) -> None:
    with Journal.open(settings.journal) as journal:
        journal.typed("where is my blue hat")
    told: list[Event] = []
    file = tmp_path / "usb" / "bridge.safetensors"
    outcome = run(settings, BootstrapRequest(utterances=3, steps=3, output=file), told.append)
    assert isinstance(told[0], Collected)
    assert told[0].train == 3
    made = read(file)
    assert (made.version, made.accepted) == (outcome.version, outcome.accepted)
    assert left(settings) == set()
    with Journal.open(settings.journal) as journal:
        assert Lineage(journal).records() == []


def test_recordings_of_a_corpus_are_learned_from_and_problems_told(
    settings: Settings, tmp_path: Path
) -> None:
    corpus = corpus_of(tmp_path / "corpus", "good evening", "sleep well", "in 6 minutes", None)
    told: list[Event] = []
    notes: list[str] = []
    run(
        settings,
        BootstrapRequest(corpora=(corpus,), utterances=1, steps=1),
        told.append,
        notes.append,
    )
    assert isinstance(told[0], Collected)
    assert told[0].train == 1 + 3
    assert notes == [f"{corpus / '3.wav'}: has no text: write what is said in it to 3.txt"]
    with pytest.raises(CorpusError, match="There is no"):
        run(settings, BootstrapRequest(corpora=(tmp_path / "gone",), utterances=2, steps=1))


def test_the_same_bootstrap_again_changes_nothing(settings: Settings) -> None:
    outcome = run(settings)
    folder = BridgeFolder(settings.bridges)
    folder.promote(outcome.version)
    again = bootstrap(settings, SHORT, lambda _event: None, lambda _text: None, threading.Event())
    assert again == Nothing("This training leads to the version that is already in use.")


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_told_before_any_work(
    settings: Settings, device: str
) -> None:
    with pytest.raises(TrainingError, match=f"cannot train on '{device}' here .*--device"):
        run(settings, BootstrapRequest(device=device))
    assert not settings.bridges.exists()
