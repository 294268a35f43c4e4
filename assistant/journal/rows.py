"""What each stage of an exchange adds to its row."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeAlias

from assistant.journal.turn import TEXT_SOURCE, stamp
from assistant.values import MICROPHONE, Reply, Route, SoftPrompt, SpeechFeatures, Utterance

Row: TypeAlias = dict[str, Any]
"""Values by column."""


def heard(utterance: Utterance) -> Row:
    """What was said, with its recording; nobody's consent to learn from a file is assumed."""
    from assistant.journal import flac  # noqa: PLC0415 - loads numpy and soundfile

    return {
        "started_at": stamp(utterance.started_at),
        "source": utterance.source,
        "consent": int(utterance.source == MICROPHONE),
        "seconds": utterance.seconds,
        "end_reason": utterance.end_reason.value,
        "audio": flac.encode(utterance.samples) if utterance.samples.size else None,
    }


def typed(text: str, at: datetime) -> Row:
    """What was typed, which is its own transcript."""
    return {
        "started_at": stamp(at),
        "source": TEXT_SOURCE,
        "hypothesis": text,
        "confidence": 1.0,
    }


def transcribed(features: SpeechFeatures) -> Row:
    """The encoder's hypothesis."""
    transcript = features.transcript
    return {
        "hypothesis": transcript.text,
        "confidence": transcript.confidence,
        "words": json.dumps([asdict(word) for word in transcript.words]),
        "encoder": features.encoder,
    }


def answering(llm: str, route: Route, prompt: SoftPrompt | None) -> Row:
    """How the LLM will be asked."""
    return {
        "llm": llm,
        "route": route.value,
        "bridge": prompt and prompt.bridge,
        "heard": prompt and prompt.heard,
        "bridge_confidence": prompt and prompt.confidence,
    }


def answered(reply: Reply, at: datetime) -> Row:
    """The reply."""
    return {
        "reply": reply.text,
        "route": reply.route.value,
        "stop_reason": reply.stop_reason.value,
        "timings": json.dumps(asdict(reply.timings)),
        "replied_at": stamp(at),
    }


def failed(error: str) -> Row:
    """Why there is no reply."""
    return {"error": error}


def storable(values: Row) -> Row:
    """The values with all text encodable: a file name may hold bytes that are not UTF-8."""
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    return values | {
        name: text.encode("utf-8", "backslashreplace").decode() for name, text in texts.items()
    }
