"""Checks of the models: whether they are intact, fit together, and accept embeddings."""

from __future__ import annotations

import platform
import re
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as _llama_cpp

from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.doctor.finding import Finding, fail, ok, warn
from assistant.doctor.machine import JETSON
from assistant.doctor.subject import Subject
from assistant.encode.encoder import Encoder, open_encoder
from assistant.errors import BridgeError, EncoderError, LLMError
from assistant.generate.gguf import GGUFFile
from assistant.generate.llama import LlamaSession
from assistant.personalise.bridges.folder import BridgeFolder

CPU = Path("/proc/cpuinfo")

_c: Any = _llama_cpp  # ctypes functions carry no types worth checking

_FAST = {"aarch64": ("asimddp", "DOTPROD"), "x86_64": ("avx2", "AVX2")}
"""CPU features that make llama.cpp several times faster: the kernel's and llama.cpp's names."""

_MB = 1 << 20


def encoder(subject: Subject) -> Finding:
    """Whether the speech encoder loads."""
    loaded = _encoder(subject)
    return ok(
        f"{subject.settings.encode.path.name} loads; its fingerprint is {loaded.fingerprint}.",
        fingerprint=loaded.fingerprint,
        dim=loaded.dim,
    )


def language_model(subject: Subject) -> Finding:
    """Whether the GGUF is intact."""
    gguf = GGUFFile(subject.settings.generate.path)
    gguf.check_vocabulary()
    megabytes = round(gguf.size / _MB)
    return ok(
        f"{gguf.path.name} is intact: {gguf.architecture}, {gguf.n_vocab} tokens, {megabytes} MB.",
        architecture=gguf.architecture,
        n_vocab=gguf.n_vocab,
        megabytes=megabytes,
        fingerprint=gguf.embedding_fingerprint,
    )


def embedding_path(subject: Subject) -> Finding:
    """Whether the language model treats an embedding like its token."""
    probe = _llm(subject).probe
    figures = {"scale": probe.scale, "difference": probe.difference}
    if probe.difference:
        return ok(
            f"Embeddings act like their tokens, to {probe.difference:.0e} of the largest logit.",
            **figures,
        )
    return ok("Embeddings act exactly like their tokens.", **figures)


def llama_cpp(subject: Subject) -> Finding:
    """Whether llama.cpp is built for this machine."""
    return build(
        (_c.llama_print_system_info() or b"").decode("utf-8", "replace"),
        has_gpu=bool(_c.llama_supports_gpu_offload()),
        wants_gpu=subject.settings.generate.gpu_layers != 0,
        is_jetson=JETSON.exists(),
        architecture=platform.machine(),
        cpu=CPU.read_text(encoding="utf-8", errors="replace"),
    )


def build(
    info: str, *, has_gpu: bool, wants_gpu: bool, is_jetson: bool, architecture: str, cpu: str
) -> Finding:
    """The finding for a build of llama.cpp.

    Args:
        info: what it reports about itself.
        has_gpu: whether it can use a GPU.
        wants_gpu: whether the settings put layers there.
        is_jetson: whether the machine is a Jetson, which has a CUDA GPU.
        architecture: of the CPU, as the kernel calls it.
        cpu: /proc/cpuinfo.
    """
    features = re.findall(r"(\w+) = 1\b", info)
    figures = {"features": " ".join(features), "gpu": "yes" if has_gpu else "no"}
    if is_jetson and not (has_gpu and "CUDA" in info):
        how = _rebuild("-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=87")
        return warn(f"It is built without CUDA, so the GPU is not used. Run: {how}", **figures)
    in_kernel, in_llama = _FAST.get(architecture, (None, None))
    if in_kernel in cpu.split() and in_llama not in features:
        return warn(
            f"It is built without {in_llama}, which this CPU has and which makes it several times "
            f"faster. Run: {_rebuild('-DGGML_NATIVE=on')}",
            **figures,
        )
    if is_jetson and not wants_gpu:
        return warn("It could use the GPU: set generate.gpu_layers to -1.", **figures)
    if wants_gpu and not has_gpu:
        return warn(
            "generate.gpu_layers is set, but it is built without a GPU. Set it to 0, or build "
            "llama-cpp-python for the GPU.",
            **figures,
        )
    return ok(f"It is built for this machine: {', '.join(features)}.", **figures)


def base_bridge(subject: Subject) -> Finding:
    """Whether the bridge in the settings fits the encoder and the language model."""
    settings = subject.settings
    if settings.route == "transcript":
        return ok("Not needed: 'route' says that questions are answered from their transcript.")
    path = settings.bridge.path
    if path is not None:
        try:
            encoder, llm = _encoder(subject), _llm(subject)
        except (EncoderError, LLMError):
            return _waits()
        path = checkpoint.base(path, encoder.fingerprint, llm.gguf.embedding_fingerprint)
    if path is None:
        if settings.route == "bridge":
            return fail("The bridge route needs a bridge: set bridge.path, or set route to auto.")
        return ok("None: questions are answered from their transcript until a bridge is learned.")
    found = checkpoint.read(path)
    if (waits := _join(found, subject)) is not None:
        return waits
    return ok(
        f"{found.version} ({found.config.kind}) fits this encoder and language model.",
        version=found.version,
        kind=found.config.kind,
    )


def learned_bridges(subject: Subject) -> Finding:
    """Whether the learned bridges can be read, and the current one can be used."""
    folder = BridgeFolder(subject.settings.bridges)
    versions, current = folder.versions(), folder.current
    figures = {"bridges": len(versions), "current": current}
    damaged = [version for version in versions if not folder.is_whole(version)]
    if current is not None and current not in damaged:
        try:
            waits = _join(folder.read(current), subject)
        except BridgeError:
            return warn(
                f"The learned bridge {current} was made for another encoder or language model, so "
                "the base bridge is used. Learn again with 'assistant retrain --from base'.",
                **figures,
            )
        if waits is not None:
            return waits
    if damaged:
        fix = "'assistant bridge rollback' goes back to one that works"
        if current not in damaged:
            fix = f"Remove the file from {folder.folder}"
        return warn(
            f"{len(damaged)} of {len(versions)} cannot be read ({', '.join(damaged)}). {fix}.",
            damaged=len(damaged),
            **figures,
        )
    if current is None:
        kept = f"{len(versions)} kept, none of them in use" if versions else "None learned yet"
        return ok(f"{kept}.", **figures)
    return ok(f"{len(versions)} kept, all readable; {current} is in use.", **figures)


def _rebuild(flags: str) -> str:
    """The command that rebuilds llama.cpp."""
    return (
        f'CMAKE_ARGS="{flags}" {sys.executable} -m pip install --force-reinstall --no-deps '
        f"--no-binary llama-cpp-python llama-cpp-python=={version('llama-cpp-python')}"
    )


def _join(found: Checkpoint, subject: Subject) -> Finding | None:
    """Join a bridge to the models; returns a finding if they do not load.

    Raises:
        BridgeError: if it was made for others, or its weights do not fit.
    """
    try:
        encoder, llm = _encoder(subject), _llm(subject)
    except (EncoderError, LLMError):
        return _waits()
    found.require(encoder.fingerprint, llm.gguf.embedding_fingerprint)
    Bridge(found, llm.vocabulary, encoder.spelling)
    return None


def _waits() -> Finding:
    return warn("Skipped, because the encoder or language model does not load. Fix that first.")


@cache
def _encoder(subject: Subject) -> Encoder:
    return open_encoder(subject.settings.encode)


@cache
def _llm(subject: Subject) -> LlamaSession:
    return LlamaSession(subject.settings.generate)
