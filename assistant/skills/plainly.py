"""What is asked, without the words around it that people need to ask it."""

from __future__ import annotations

import re

from assistant.skills.times.numbers import BELOW_100, either

_FILLERS = re.compile(r"\b(?:um+|uh+|erm?|eh|hm+|mm+|ah|please|kindly|like i said|you know)\b(?!')")
_TWICE = re.compile(r"\b(?P<said>(?:[\w']+ ){0,3}[\w']+)(?: (?P=said))+(?![\w'])")
_COUNTED = re.compile(rf"\b(?:{either(BELOW_100)}|hundred|thousand|point|oh)(?![\w'])")
_YOU = "(?:can|could|will|would|won't|can't|couldn't) you(?: (?:just|maybe|possibly|also|quickly))?"
_BEFORE = re.compile(
    r"^(?:(?:and|so|well|oh|ok|okay|right|yes|no|now|now then|then|hey|hi|hello|sorry|excuse me"
    r"|pardon me|hang on|wait|listen|look|ai|attune|dear|darling|love|good morning|good evening"
    rf"|oh dear|also|thanks|thank you|just|hurry up and|go ahead and|go now and|{_YOU}"
    r"|i(?:'d| would) like(?: for)?(?: you)? to|i (?:want|need)(?: for)?(?: you)? to|i wanna"
    r"|i gotta|i must|i really (?:want|need) to|lets|maybe (?:we|you) can"
    r"|may i suggest(?: that)? we|is it possible(?: for you)? to|would you be willing to"
    r"|i was hoping you could|i was wondering if you could|do you think you could"
    r"|you (?:must|should|can|could|need to|have to)|(?:can|could|may|shall|should) (?:i|we)"
    r"|can i get you to|let's(?: just)?|let us|help me(?: to)?|make sure to|be sure to"
    r"|(?:do me a favou?r|be so kind|be a dear|be good)(?: and)?|don't forget to|do not forget to"
    r"|if you (?:can|could|don't mind)|i'm going to need you to|i ask you to|would you mind"
    r"|try to) )+"
)
_AFTER = re.compile(
    # "i fell in love" is another thing than "i fell, love"
    r"(?:(?<! in)(?<! of) (?:for me|for us|thanks|thank you|now|right now|at once|will you"
    r"|would you|can you|could you|if you (?:can|could|would|will|don't mind|like)|dear|darling"
    r"|love|my dear|my friend|attune|ai|again|then|okay|ok|if i may ask|by the way|by chance"
    r"|when you can|instead|a moment))+$"
)


def plainly(words: str) -> str:
    """A request without fillers, what was begun twice, and politeness; in ``said_words``' form."""
    text = " ".join(_FILLERS.sub(" ", words).split())
    text = _TWICE.sub(_once, text)
    return _AFTER.sub("", _BEFORE.sub("", text))


def _once(found: re.Match[str]) -> str:
    # of numbers nobody knows whether they are meant twice
    return found[0] if _COUNTED.search(found["said"]) else found["said"]
