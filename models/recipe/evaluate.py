"""Measure the starter on sentences and voices that no training has seen.

Prints one JSON object per part. Run after each part of the recipe, or alone:

    python -m models.recipe.evaluate --data PATH
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.bridge import checkpoint
from assistant.bridge.connect import Bridge
from assistant.bridge.route import choose_route
from assistant.config import BridgeSettings, EncodeSettings, GenerateSettings, starter_dir
from assistant.config.tuning import BridgeTuning
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.generate.words import as_words
from assistant.personalise.judging.score import Replies, result, score
from assistant.values import EndReason, Route, SoftPrompt, SpeechFeatures, Utterance
from models.recipe.corpus import held_out_requests, read, recordings, spoken_form
from models.recipe.encoder import word_errors
from models.recipe.synthesis import Synthesiser, held_out_voice

NOW = datetime(2026, 3, 5, 10, 25, tzinfo=timezone.utc)
CONTEXT = ContextLine(NOW, "Anna", ("take the blue pill",))


def utterances(count: int, seed: int) -> list[tuple[Utterance, str]]:
    """Held-out sentences in held-out voices, with 0.3 s of quiet noise around them."""
    rng = random.Random(seed)
    synthesiser = Synthesiser()
    found: list[tuple[Utterance, str]] = []
    for text in held_out_requests(seed, count):
        samples = synthesiser.speak(text, held_out_voice(rng)).samples.astype(np.float32) / 32_768
        samples = np.pad(samples, 4_800)
        noise = np.random.default_rng(len(found)).standard_normal(len(samples)) * 5e-4
        found.append((utterance((samples + noise).astype(np.float32)), text))
    return found


def utterance(samples: NDArray[np.float32]) -> Utterance:
    """A recording as the encoder takes it."""
    return Utterance(samples, NOW, EndReason.STOP)


def error_rate(pairs: list[tuple[str, str]]) -> float:
    """Word error rate of (reference, hypothesis) pairs."""
    wrong = sum(word_errors(reference, hypothesis) for reference, hypothesis in pairs)
    return wrong / sum(len(reference.split()) for reference, _ in pairs)


def transcripts(
    encoder: Wav2Vec2Encoder, spoken: list[tuple[Utterance, str]]
) -> tuple[float, list[SpeechFeatures]]:
    """Word error rate and features."""
    features = [encoder.encode(each) for each, _ in spoken]
    pairs = [(text, f.transcript.text) for (_, text), f in zip(spoken, features, strict=True)]
    return error_rate(pairs), features


def human_error_rates(encoder: Wav2Vec2Encoder, data: Path) -> dict[str, float]:
    """Word error rates on the held-out human recordings, by collection."""
    pairs: dict[str, list[tuple[str, str]]] = {}
    for clip in recordings(data, held_out_part=True):
        said = encoder.encode(utterance(read(clip))).transcript.text
        collection = "kathleen" if clip.speaker == "kathleen" else "speechocean762"
        pairs.setdefault(collection, []).append((spoken_form(clip.text), said))
    return {collection: round(error_rate(each), 4) for collection, each in pairs.items()}


def dual_path(wanted: list[str], given: list[str]) -> dict[str, float]:
    """The paper's metric: ROUGE between replies from audio and replies from the true text."""
    found = score([result(w, g) for w, g in zip(wanted, given, strict=True)])
    return {name: round(getattr(found, name), 4) for name in ("rouge1", "rougeL", "equal")}


def readings(
    bridge: Bridge, session: LlamaSession, features: list[SpeechFeatures], texts: list[str]
) -> tuple[float, list[SoftPrompt]]:
    """Token error rate of "what it heard", and the soft prompts."""
    prompts = [bridge.soft_prompt(each) for each in features]
    wrong = total = 0
    for prompt, text in zip(prompts, texts, strict=True):
        true = session.tokenize(as_words(text), special=False)
        heard = session.tokenize(as_words(prompt.heard), special=False) if prompt.heard else []
        wrong += word_errors(" ".join(map(str, true)), " ".join(map(str, heard)))
        total += len(true)
    return wrong / total, prompts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, default=starter_dir() / "encoder")
    parser.add_argument("--llm", type=Path, default=starter_dir() / "llm.gguf")
    parser.add_argument(
        "--bridge", type=Path, nargs="*", default=[starter_dir() / "bridge.safetensors"]
    )
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=90_210)
    arguments = parser.parse_args()

    settings = EncodeSettings.model_validate({"path": arguments.encoder})
    encoder = Wav2Vec2Encoder(settings)
    greedy = Wav2Vec2Encoder(settings.model_copy(update={"ngram_weight": 0.0}))
    spoken = utterances(arguments.count, arguments.seed)
    texts = [text for _, text in spoken]
    rate, features = transcripts(encoder, spoken)
    report(
        "transcript", utterances=len(spoken), wer=rate, greedy_wer=transcripts(greedy, spoken)[0]
    )
    if arguments.data is not None:
        report("human", wer=human_error_rates(encoder, arguments.data))
        report("human", greedy_wer=human_error_rates(greedy, arguments.data))
    if not arguments.llm.is_file():
        return
    with LlamaSession(GenerateSettings.model_validate({"path": arguments.llm})) as session:
        replies = Replies(session, CONTEXT)
        wanted = [replies.to_text(text) for text in texts]
        plain = [replies.to_text(each.transcript.text) for each in features]
        report("dual path", route="transcript", **dual_path(wanted, plain))
        for path in arguments.bridge:
            found = checkpoint.read(path)
            found.require(encoder.fingerprint, session.gguf.embedding_fingerprint)
            prompts: list[SoftPrompt] = []
            given: list[str] = []
            for spelling in (None, encoder.spelling) if found.config.kind == "ctc" else (None,):
                bridge = Bridge(found, session.vocabulary, spelling)
                token_error, prompts = readings(bridge, session, features, texts)
                given = [replies.to_prompt(prompt) for prompt in prompts]
                report(
                    "dual path",
                    route="bridge",
                    kind=found.config.kind,
                    ngram=spelling is not None,
                    token_error=round(token_error, 4),
                    confidence=round(float(np.mean([prompt.confidence for prompt in prompts])), 4),
                    **dual_path(wanted, given),
                )
            for margin in (0.0, 0.05, 0.1):
                settings = BridgeSettings.model_validate({"tuned": BridgeTuning(margin=margin)})
                routes = [
                    choose_route("auto", p, f.transcript, accepted=True, settings=settings)
                    for p, f in zip(prompts, features, strict=True)
                ]
                mixed = [
                    b if route is Route.BRIDGE else t
                    for route, b, t in zip(routes, given, plain, strict=True)
                ]
                report(
                    "dual path",
                    route="auto",
                    kind=found.config.kind,
                    margin=margin,
                    by_bridge=round(routes.count(Route.BRIDGE) / len(routes), 4),
                    **dual_path(wanted, mixed),
                )
            if found.pad is not None:
                whole = Bridge(replace(found, pad=None), session.vocabulary)
                given = [replies.to_prompt(whole.soft_prompt(each)) for each in features]
                report("dual path", route="bridge, pads kept", **dual_path(wanted, given))


def report(part: str, **figures: object) -> None:
    """One JSON line."""
    print(json.dumps({"part": part, **figures}), flush=True)


if __name__ == "__main__":
    main()
