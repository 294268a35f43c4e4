"""What Tiny-Align (arXiv 2411.13766) reports of itself: Table I, Fig. 5 and its claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SPEEDUP = 50
"""Times that training is said to converge faster."""

QUALITY_GAIN = 0.5
"""Share by which ROUGE is said to be better than that of the three others."""

INJECTION_GAIN = 0.5
"""Share by which ROUGE is said to be better with the instruction than without."""

ENCODER_MB = {"wav2vec2": 458, "whisper": 322, "audioldm": 3_500}
"""Peak memory while features are extracted (Fig. 5)."""

LLMS = {
    "Llama-3.2-1B": 10,
    "Llama-3.2-3B": 10,
    "Gemma-2-2B": 1,
    "Phi-3.5-mini": 10,
    "StableLM-2-1.6B": 10,
}
"""Seconds per unit of the convergence times in Table I, column by column."""

# per LLM: ROUGE-1, ROUGE-L, convergence time
_TABLE_I = """
ADReSS   A1   .021 .025  293  .032 .027  293  .051 .049  2249  .103 .072  2520  .030 .030 1539
ADReSS   A2   .152 .138 3107  .134 .128 3107  .196 .112  7338  .213 .119 11875  .093 .091 3670
ADReSS   A3   .104 .096 1128  .108 .103 1128  .185 .119  1841  .029 .026  2093  .064 .060 1577
ADReSS   Ours .192 .164  111  .205 .193  111  .268 .154    97  .225 .121   104  .180 .176   93
Baycrest A1   .024 .024  792  .024 .024  792  .017 .016 11517  .050 .047  7375  .003 .003 5055
Baycrest A2   .141 .104  949  .152 .109  949  .183 .114  4614  .202 .110  3847  .095 .093 5357
Baycrest A3   .065 .057 3015  .071 .067 3015  .088 .060  9951  .012 .011  6903  .019 .011 4918
Baycrest Ours .184 .167  167  .197 .173  167  .233 .141   133  .205 .112   183  .106 .103  159
Ellis    A1   .025 .032  873  .032 .081  873  .062 .059 10593  .009 .009  5372  .019 .016 6668
Ellis    A2   .187 .145 1182  .190 .104 1182  .193 .107  3257  .052 .033  3526  .044 .044 2549
Ellis    A3   .035 .027 1563  .045 .051 1209  .014 .015  2371  .022 .010  6784  .017 .013 5366
Ellis    Ours .223 .221   95  .223 .221   95  .196 .135    91  .146 .079   136  .091 .091  153
ENNI     A1   .011 .009  503  .015 .001  503  .034 .033 12530  .109 .076 13002  .109 .031 3507
ENNI     A2   .109 .089  742  .157 .131  742  .191 .115  2770  .219 .128  2165  .164 .164 1024
ENNI     A3   .034 .034 1708  .034 .034 1708  .256 .157  5407  .085 .073  5461  .015 .009 2141
ENNI     Ours .124 .103   91  .143 .135   91  .244 .151    82  .214 .128   111  .303 .268   74
NEURAL   A1   .023 .023 1506  .023 .023 1506  .054 .048 17700  .116 .088  9760  .009 .009 9097
NEURAL   A2   .075 .067 2187  .075 .067 2187  .177 .108  2645  .157 .087  3875  .060 .057 2356
NEURAL   A3   .051 .048 1709  .021 .018 1683  .034 .045  3315  .105 .096  6149  .061 .055 6533
NEURAL   Ours .104 .098  141  .158 .109  141  .219 .132   144  .172 .093   217  .129 .124  184
"""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of Table I under one LLM."""

    dataset: str
    method: str  # A1, A2, A3 or Ours
    llm: str
    rouge1: float
    rougeL: float  # noqa: N815 - the measure's name
    seconds: float  # until the loss is 0.05


def _table() -> Iterator[Published]:
    for line in _TABLE_I.strip().splitlines():
        dataset, method, *figures = line.split()
        for at, (llm, unit) in enumerate(LLMS.items()):
            rouge1, rouge_l, time = (float(figure) for figure in figures[3 * at : 3 * at + 3])
            yield Published(dataset, method, llm, rouge1, rouge_l, time * unit)


PAPER = tuple(_table())
"""Table I."""

OURS = tuple(each for each in PAPER if each.method == "Ours")


def ratios(method: str) -> list[float]:
    """A method's convergence times over those of Ours, all datasets and LLMs."""
    ours = {(each.dataset, each.llm): each.seconds for each in OURS}
    return [each.seconds / ours[each.dataset, each.llm] for each in PAPER if each.method == method]


def gains() -> list[float]:
    """ROUGE-1 of Ours over that of the best of the three others, all datasets and LLMs."""
    return [
        mine.rouge1
        / max(
            each.rouge1
            for each in PAPER
            if (each.dataset, each.llm) == (mine.dataset, mine.llm) and each is not mine
        )
        for mine in OURS
    ]
