from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant.bridge.checkpoint import Checkpoint, read
from assistant.bridge.connect import Bridge
from assistant.bridge.kinds import build, projector
from assistant.bridge.kinds.letters import untrained
from assistant.bridge.kinds.shared_tokens import LEAST
from assistant.config import Settings, load
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import BridgeError, MismatchError
from assistant.generate.gguf import GGUFFile
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.nets.projector_config import ProjectorConfig
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.features import source_of
from assistant.personalise.training.events import Event, Judged, Nothing
from assistant.personalise.training.transfer import Carried, carried, transfer
from assistant.values import SpeechFeatures, Transcript, Word
from tests.encode import tiny
from tests.generate import toys
from tests.journal.exchanges import STARTED_AT, record_of, utterance

DIM, OLD_WIDTH, NEW_WIDTH = 6, 8, 12
ENCODER = "encoder-1"
SYLLABLES = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
WORDS = [f" {syllable}" for syllable in SYLLABLES] + SYLLABLES[:20]


class Tongue:
    """A language model of syllables, some of which begin words; its first token is padding."""

    def __init__(self, name: str, texts: Sequence[str], rows: NDArray[np.float64]) -> None:
        self.embedding_fingerprint = name
        self.texts = ["", *texts]
        self.pad = 0
        self._rows = rows.astype(np.float32)

    @property
    def size(self) -> int:
        return len(self.texts)

    def rows(self, token_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows[np.asarray(token_ids, np.int64)]

    def tokens(self, text: str) -> list[int]:
        found: list[int] = []
        rest = f" {text.strip()}"
        while rest:
            longest = max((t for t in self.texts if t and rest.startswith(t)), key=len, default="")
            if not longest:
                break
            found.append(self.texts.index(longest))
            rest = rest[len(longest) :]
        return found

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(self.texts[token] for token in tokens)


def tongues(*, missing: Sequence[str] = (), noise: float = 0.0) -> tuple[Tongue, Tongue]:
    """Two models whose rows differ by a map that keeps lengths, the second one in another order."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1 + len(WORDS), OLD_WIDTH))
    map_ = np.linalg.qr(rng.standard_normal((NEW_WIDTH, NEW_WIDTH)))[0][:OLD_WIDTH]
    others = [text for text in WORDS if text not in missing]
    order = rng.permutation(len(others))
    places = [0, *(1 + WORDS.index(others[at]) for at in order)]
    mapped = rows[places] @ map_ + noise * rng.standard_normal((len(places), NEW_WIDTH))
    return Tongue("old", WORDS, rows), Tongue("new", [others[at] for at in order], mapped)


def bridge(kind: str, tongue: Tongue, seed: int = 0, **changes: Any) -> Checkpoint:
    """Random weights, those included that begin as nothing."""
    chosen = kind in ("ctc", "anchored")
    config = ProjectorConfig.model_validate(
        {
            "kind": kind,
            "encoder_dim": DIM,
            "llm_dim": OLD_WIDTH,
            "hidden": 16,
            "heads": 2,
            "layers": 1,
            "slots": 5,
            "candidates": tongue.size if chosen else 0,
        }
    )
    torch.manual_seed(seed)
    weights: dict[str, Tensor] = {
        name: weight + 0.5 * torch.randn_like(weight)
        for name, weight in build(config).state_dict().items()
    }
    pad = None if chosen else tongue.pad
    fields: dict[str, Any] = {"provenance": {"examples": [1]}, "pad": pad}
    fields |= {"token_ids": np.arange(tongue.size), "weights": weights}
    return Checkpoint(config, ENCODER, tongue.embedding_fingerprint, **fields | changes)


def heard(text: str = "", seed: int = 0) -> SpeechFeatures:
    """Random features of about a second, with a hypothesis."""
    frames = np.random.default_rng(seed).standard_normal((30, DIM)).astype(np.float32)
    spans = [Word(word, at * 0.3, at * 0.3 + 0.25, 0.8) for at, word in enumerate(text.split())]
    return SpeechFeatures(frames, 25.0, Transcript(text, 0.8, tuple(spans)), ENCODER)


def test_ctc_reads_the_same_words_as_tokens_of_the_other_model() -> None:
    old, new = tongues()
    found = bridge("ctc", old)
    after = carried(found, old, new)
    assert after.how == f"Tokens kept: {len(WORDS)} of {len(WORDS) + 1}"  # padding says nothing
    for seed in range(4):
        before, now = (
            Bridge(each, tongue).soft_prompt(heard(seed=seed))
            for each, tongue in ((without_padding(found), old), (after.checkpoint, new))
        )
        assert now.heard == before.heard != ""
        assert now.confidence == pytest.approx(before.confidence, rel=1e-5)
        assert now.rows.shape == (len(before.rows), NEW_WIDTH)


def without_padding(found: Checkpoint) -> Checkpoint:
    """The same ctc bridge without an output for token 0."""
    kept = torch.tensor([0, *range(2, len(found.token_ids) + 1)])
    weights = {
        name: weight[kept] if name.startswith("output.") else weight
        for name, weight in found.weights.items()
    }
    config = found.config.model_copy(update={"candidates": len(kept) - 1})
    return replace(found, config=config, token_ids=found.token_ids[1:], weights=weights)


def test_what_the_other_model_cannot_say_at_once_is_begun_or_left_out() -> None:
    _, full = tongues()
    rows = np.random.default_rng(1).standard_normal((4, OLD_WIDTH))
    old = Tongue("old", [" bade", "fi", "zu"], rows)
    found = bridge("ctc", old)
    after = carried(found, old, full)
    assert after.how == "Tokens kept: 1 of 4, partly kept: 1"
    assert [full.texts[token] for token in after.checkpoint.token_ids.tolist()] == [" ba", "fi"]
    assert after.checkpoint.config.candidates == 2
    logits = projector(found)(torch.tensor(heard().frames)[None])
    torch.testing.assert_close(
        projector(after.checkpoint)(torch.tensor(heard().frames)[None]), logits[..., [0, 2, 3]]
    )


@pytest.mark.parametrize("kind", ["bridgeformer", "linear", "mlp"])
def test_slots_are_filled_with_the_other_models_rows(kind: str) -> None:
    old, new = tongues()
    found = bridge(kind, old)
    after = carried(found, old, new).checkpoint
    for seed in range(4):
        before, now = (
            Bridge(each, tongue).soft_prompt(heard(seed=seed))
            for each, tongue in ((found, old), (after, new))
        )
        assert now.heard == before.heard != ""
        assert now.confidence == pytest.approx(before.confidence, abs=0.01)
        lengths = np.linalg.norm(before.rows, axis=1)
        np.testing.assert_allclose(np.linalg.norm(now.rows, axis=1), lengths, rtol=0.02)


def test_padding_stays_padding_though_its_row_lies_apart() -> None:
    old, new = tongues()
    new._rows[new.pad] = np.random.default_rng(9).standard_normal(NEW_WIDTH)
    found = bridge("linear", old)
    bias = torch.tensor(old.rows([old.pad])[0])
    weights = {"body.weight": torch.zeros(OLD_WIDTH, DIM), "body.bias": bias}
    after = carried(replace(found, weights=weights), old, new).checkpoint
    assert after.pad == new.pad
    assert len(Bridge(after, new).soft_prompt(heard()).rows) == 0


def shifted() -> tuple[Tongue, Tongue]:
    """Two models whose rows, brought to length 1, differ by a turn and an offset."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1 + len(WORDS), OLD_WIDTH))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    turn = np.linalg.qr(rng.standard_normal((OLD_WIDTH, OLD_WIDTH)))[0]
    apart = rows - np.eye(OLD_WIDTH)[0]
    lengths = (apart**2).sum(axis=1, keepdims=True)
    others = np.hstack([apart @ turn, np.sqrt(9 - lengths)])  # all of them of length 3
    return Tongue("old", WORDS, 5 * rows), Tongue("new", WORDS, others)


@pytest.mark.parametrize("pair", [tongues, shifted])
def test_anchors_are_scored_as_before(pair: Callable[[], tuple[Tongue, Tongue]]) -> None:
    old, new = pair()
    for seed in range(3):
        found = bridge("anchored", old, seed)
        after = carried(found, old, new).checkpoint
        for text in ("ba de fi", "go", "tu tu ra", "bade lo"):
            before, now = (
                Bridge(each, tongue).soft_prompt(heard(text))
                for each, tongue in ((found, old), (after, new))
            )
            assert now.heard == before.heard
            assert now.confidence == pytest.approx(before.confidence, abs=0.02)


def test_untrained_anchors_stay_the_transcript_whatever_the_map() -> None:
    old, new = tongues(noise=3.0)
    found = bridge("anchored", old)
    begun = build(found.config).state_dict()
    after = carried(replace(found, weights=begun), old, new).checkpoint
    assert Bridge(after, new).soft_prompt(heard("ba de fi")).heard == "ba de fi"


def test_slots_are_read_as_what_is_said_here_and_anchors_as_that_too() -> None:
    old, new = tongues()
    some = np.array([1, 2])
    kept = {new.texts.index(old.texts[token]) for token in some}
    slots = bridge("linear", old, token_ids=np.array([0, *some]))
    anchors = bridge("anchored", old, token_ids=some)
    assert set(carried(slots, old, new).checkpoint.token_ids) == kept | {new.pad}
    assert set(carried(slots, old, new, [7, 9]).checkpoint.token_ids) == {7, 9, new.pad}
    after = carried(anchors, old, new, [7, 9]).checkpoint
    assert set(after.token_ids) == kept | {7, 9}
    assert after.config.candidates == len(kept | {7, 9})


def test_it_belongs_to_the_other_model_and_remembers_where_it_came_from() -> None:
    old, new = tongues()
    for kind in ("ctc", "linear", "anchored"):
        found = bridge(kind, old, accepted=True)
        after = carried(found, old, new).checkpoint
        assert (after.encoder, after.table) == (ENCODER, "new")
        assert after.config.llm_dim == NEW_WIDTH
        assert not after.accepted
        assert after.provenance["examples"] == [1]
        assert after.provenance["carried_over_from"] == found.version
        with pytest.raises(MismatchError):
            Bridge(after, old)


@pytest.mark.parametrize("kind", ["ctc", "linear", "anchored"])
def test_strangers_are_refused(kind: str) -> None:
    old, _ = tongues()
    shared = [] if kind == "ctc" else WORDS[: LEAST - 1]
    others = [f"{number}" for number in range(80)] + shared
    new = Tongue("new", others, np.random.default_rng(0).standard_normal((len(others) + 1, 4)))
    with pytest.raises(BridgeError, match=f"share {len(shared)} tokens, .*bootstrap"):
        carried(bridge(kind, old), old, new)


THE = "the"  # one token of the toys


class Home:
    """Somebody who says one word, whom a learned bridge understands, and two language models."""

    def __init__(self, folder: Path) -> None:
        self.old = toys.write(folder / "old.gguf", toys.Toy(n_embd=32, n_ctx=4_096))
        new = toys.write(folder / "new.gguf", toys.Toy(n_embd=48, n_ctx=4_096, seed=1))
        encoder = tiny.write(folder / "encoder")
        self.settings = settings(folder, new, encoder)
        self.folder = BridgeFolder(self.settings.bridges)
        self.encoder = Wav2Vec2Encoder(self.settings.encode)

    def enrol(self, count: int = 12) -> list[int]:
        with Journal.open(self.settings.journal) as journal:
            return [
                journal.enrolled(
                    utterance(0.3, seed=number, started_at=STARTED_AT + timedelta(minutes=number)),
                    THE,
                    Taught.ENROLLED,
                )
                for number in range(count)
            ]

    def understanding(self, **changes: Any) -> Checkpoint:
        """A ctc bridge for the old model that hears the one word in everything."""
        (token,) = (toys.vocabulary().index("Ġthe"),)
        config = ProjectorConfig(
            kind="ctc", encoder_dim=self.encoder.dim, llm_dim=32, hidden=8, heads=2, layers=0,
            candidates=1,
        )  # fmt: skip
        weights = {name: torch.zeros_like(w) for name, w in build(config).state_dict().items()}
        weights["output.bias"] = torch.tensor([0.0, 9.0])
        table = GGUFFile(self.old).embedding_fingerprint
        made = Checkpoint(config, self.encoder.fingerprint, table, np.array([token]), None, weights)
        return replace(made, **changes)

    def learned(self, turns: Sequence[int]) -> Checkpoint:
        """The same, as learned here from some exchanges, and answering."""
        found = self.understanding(accepted=True, provenance={"examples": list(turns)})
        with Journal.open(self.settings.journal) as journal:
            record = Lineage(journal).trained(found.version, "ctc", "base", turns, ())
            Lineage(journal).judged(record, {"why": "better"}, accepted=True)
        self.folder.add(found)
        self.folder.promote(found.version)
        return found

    def transfer(self, version: str | None = None) -> tuple[Judged | Nothing, list[Event]]:
        told: list[Event | Carried] = []
        outcome = transfer(self.settings, self.old, version, told.append)
        return outcome, [event for event in told if not isinstance(event, Carried)]


def settings(folder: Path, llm: Path, encoder: Path) -> Settings:
    flags: dict[str, object] = {
        "journal.path": folder / "data" / "journal.db",
        "generate.path": llm,
        "generate.threads": 1,
        "generate.n_ctx": 4_096,
        "generate.temperature": 0,
        "generate.max_tokens": 8,
        "encode.path": encoder,
        "encode.threads": 1,
        "bridge.path": "",
        "personalise.replay": 0,
        "personalise.canaries": 0,
        "personalise.held_out": 0.4,
    }
    return load(flags, environ={}, files=()).settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_was_learned_goes_over_is_judged_and_answers(home: Home) -> None:
    turns = home.enrol()
    before = home.learned(turns[:3])
    outcome, told = home.transfer()
    assert isinstance(outcome, Judged)
    assert outcome.accepted, outcome.why
    assert told[-1] == outcome
    assert outcome.numbers["after_token_error"] == 0.0
    assert home.folder.current == outcome.version != before.version
    after = read(home.folder.path(outcome.version))
    assert after.accepted
    assert after.table == GGUFFile(home.settings.generate.path).embedding_fingerprint
    assert after.provenance["examples"] == turns[:3]
    with Journal.open(home.settings.journal) as journal:
        record = record_of(Lineage(journal), outcome.version)
        # so that erasing what taught the one erases the other, too
        assert (record.start, record.turns) == (before.version, tuple(turns[:3]))
        assert outcome.version in [each.version for each in Lineage(journal).taught_by(turns[:1])]
    again, _ = home.transfer(before.version)
    assert again == Nothing("This training leads to the version that is already in use.")


def test_without_recordings_to_judge_by_nothing_is_promoted(home: Home) -> None:
    base = home.settings.journal.path.parent / "base.safetensors"
    home.understanding(accepted=True).write(base)
    with_base = home.settings.bridge.model_copy(update={"path": base})
    home.settings = home.settings.model_copy(update={"bridge": with_base})
    outcome, _ = home.transfer()
    assert isinstance(outcome, Judged)
    assert not outcome.accepted
    assert outcome.why == "there are no recordings kept as a test yet to judge it by"
    assert home.folder.current is None
    assert home.folder.versions() == [outcome.version]
    assert not read(home.folder.path(outcome.version)).accepted
    with Journal.open(home.settings.journal) as journal:
        assert record_of(Lineage(journal), outcome.version).start == "base"


def test_letters_and_what_fits_already_need_no_transfer(home: Home) -> None:
    for found, why in (
        (
            untrained(source_of(home.encoder)),
            "does not depend on the language model, so it works with any",
        ),
        (
            home.understanding(
                table=GGUFFile(home.settings.generate.path).embedding_fingerprint,
            ),
            "already fits the language model .*new.gguf",
        ),
    ):
        version = home.folder.add(found)
        outcome, _ = home.transfer(version)
        assert isinstance(outcome, Nothing)
        assert re.search(why, outcome.why)


def test_what_cannot_be_carried_over_is_told(home: Home) -> None:
    with pytest.raises(BridgeError, match="There is no bridge to transfer"):
        home.transfer()
    version = home.folder.add(home.understanding(table="another"))
    with pytest.raises(BridgeError, match=r"was not made for .*old\.gguf"):
        home.transfer(version)
    version = home.folder.add(home.understanding(encoder="another", accepted=True))
    home.folder.promote(version)
    with pytest.raises(MismatchError, match="another speech encoder"):
        home.transfer()
    home.old = home.old.with_name("gone.gguf")
    with pytest.raises(BridgeError, match=r"There is no file .*gone\.gguf.*--from"):
        home.transfer()
