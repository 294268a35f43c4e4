"""What the assistant cannot do or does not know, said kindly, and small sums."""

from __future__ import annotations

from assistant.generate.context import ContextLine
from assistant.spoken_times import spoken_number

from .grammar import Slots, Topic

_NUMBERS = {spoken_number(number).replace("-", " "): number for number in range(21)}


def _plus(_: ContextLine, slots: Slots) -> str:
    first, second = slots["number"], slots["number2"]
    total = spoken_number(_NUMBERS[first] + _NUMBERS[second])
    return f"{{number}} and {{number2}} make {total}."


TOPICS = (
    Topic(
        "trivia",
        (
            "(tell me about|what do you know about|what do you think of|explain) {trivia}",
            "(can you|could you) (explain|tell me about|check|look up) {trivia}",
            "(who was|what was|what is|what about|what happened with) {trivia}",
            "i (want|would like|need) to (know|hear) (more|something) about {trivia}",
            "i (read|heard|worry|saw something) about {trivia} {pastday}",
            "have you (heard|read) about {trivia}",
            "(when|why|how) did {trivia} (happen|change|start|end)",
        ),
        {
            "world": "I do not follow {trivia}. The radio or the paper can tell you.",
            "money": "I do not know about {trivia}. Please ask your bank or someone you trust.",
            "science": "I do not know enough about {trivia}. What do you find so interesting?",
            "past": "I do not know enough about {trivia}. A library book would tell you.",
            "sport": "I do not know {trivia}. The radio or the paper will have it.",
            "travel": "I do not know {trivia}. Please ask someone to look it up for you.",
        },
        4.0,
    ),
    Topic(
        "general_knowledge",
        (
            "(how far|how big|how old|how high|how many people live) (is it to|is|are in) {country}",
            "what is the capital of {country}",
            "(who is|who was) the (president|king|queen|leader) of {country}",
            "(what is the weather|what time is it|what do people eat) in {country}",
            "how (far|long) is it to {country}",
        ),
        (
            "I am not sure about {country}, and I would rather not guess.",
            "I do not know that about {country}. An atlas would tell you.",
            "{country} is beyond what I know. Someone could look it up for you.",
        ),
        2.0,
    ),
    Topic(
        "town_question",
        (
            "how (far|do i get) (is it|) to {town}",
            "(is there a train|when is the bus|is there a bus|what does a ticket cost) to {town}",
            "(what is the weather|what time is it) in {town}",
            "how many people live in {town}",
        ),
        (
            "I do not know that about {town}. Please ask someone to look it up.",
            "I am not sure about {town}, and I would rather not guess.",
        ),
        1.5,
    ),
    Topic(
        "animal_question",
        (
            "how (old|big|fast|heavy) (is|can) {animal} (get|run|be)",
            "where does {animal} (live|sleep|come from)",
            "is {animal} (dangerous|clever|a mammal|rare)",
        ),
        (
            "I do not know enough about {animal}. Have you ever seen one?",
            "{animal} is full of surprises, but I cannot say for sure.",
        ),
        1.0,
    ),
    Topic(
        "deed",
        (
            "(can|could|would|will) you {deed} (now|for me|today|)",
            "{deed} (now|please|for me|)",
            "i (want|need|would like) you to {deed}",
            "(please|would you mind to|help me to) {deed}",
        ),
        (
            "I am sorry, I cannot {deed}. Perhaps someone near you can.",
            "I wish I could {deed}, but I can only talk with you.",
            "That is beyond me. Please ask someone to {deed}.",
        ),
        3.0,
    ),
    Topic(
        "call_person",
        (
            "(call|ring|phone|get me) {relative} (now|please|for me|)",
            "(can|could|will) you (call|ring|phone) {relative}",
            "(send|write) {relative} a message",
            "tell {relative} (to come|i am fine|to call me|i am waiting|i need help)",
            "what is the (number|phone number|address) of {relative}",
        ),
        (
            "I cannot make calls. Please use your telephone to reach {relative}.",
            "I am sorry, I cannot call {relative}. Is your phone near you?",
            "I have no telephone. You could call {relative} yourself, or ask for help.",
        ),
        3.0,
    ),
    Topic(
        "call_name",
        (
            "(call|ring|phone) {name} (now|please|for me|)",
            "(can|could|will) you (call|ring|phone) {name}",
            "(who|where) is {name}",
            "(is {name}|was {name}) (here|coming|at home|on the phone)",
            "i (saw|miss|am waiting for|talked to) {name} {pastday}",
        ),
        (
            "I cannot see or call {name}. Is your telephone near you?",
            "I do not know where {name} may be. You could call and ask.",
            "I am sorry, I cannot reach {name} for you.",
        ),
        3.0,
    ),
    Topic(
        "sum",
        (
            "(what is|how much is) {number} (plus|and) {number2}",
            "(can you add|add|add up) {number} and {number2}",
        ),
        _plus,
        1.5,
    ),
    Topic(
        "number_said",
        (
            "i have {number} (children|grandchildren|brothers|sisters|cats|pills|apples|books|chairs)",
            "(there are|i counted|i need|i bought) {number} (eggs|birds|chairs|cups|stamps|candles|letters)",
            "(it costs|i paid|i owe) {number} (pounds|dollars|pence)",
            "(it was|we waited|i walked for) {number} (minutes|hours|days|miles)",
        ),
        (
            "I see, {number}. Thank you for telling me.",
            "{number}, I understand. Is that more than you thought?",
        ),
        2.0,
        "tell",
    ),
    Topic(
        "price",
        (
            "how much (do|does) (new|the) {thing} cost",
            "(how much is|what is the price of) {food}",
            "(can i afford|where can i buy|who sells) (new|good|) {wear}",
        ),
        lambda *_: "I do not know the prices. A shop can tell you.",
        1.0,
    ),
)
