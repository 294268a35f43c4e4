"""The sizes of a projector, separate from the networks, which need torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assistant.kinds import known_network


class ProjectorConfig(BaseModel):
    """Every size of a projector, as stored in the checkpoint's header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[str, AfterValidator(known_network)] = "bridgeformer"
    encoder_dim: int = Field(gt=0)
    llm_dim: int = Field(ge=0, description="0 for letters, which any LLM can read")
    hidden: int = Field(default=256, gt=0, description="also the rank of adapted")
    heads: int = Field(default=4, gt=0)
    layers: int = Field(default=4, ge=0, description="also the encoder's, of adapted")
    slots: int = Field(default=30, gt=0, description="casted token size T; for pooled slots")
    temperature: float = Field(
        default=1.0, gt=0, description="what the logits of letters are divided by when read"
    )
    candidates: int = Field(
        default=0,
        ge=0,
        description="tokens that ctc and anchored can emit, symbols of letters, decoder layers of "
        "adapted",
    )
