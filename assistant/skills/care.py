"""What somebody wrote for hard moments, in the place of a language model's answer."""

from __future__ import annotations

import re

from assistant.skills.skill import Requests, Situation, Skill

_NO_MEDICINE = re.compile(
    r"best medicine|talking tablet|computer|screen|charg|batter|password", re.IGNORECASE
)


def _medicine(known: Situation) -> str | None:
    """For whatever is said of medicine; a tablet may also be a computer."""
    if _NO_MEDICINE.search(known.words):
        return None
    return (
        "I cannot give medical advice. Please ask your doctor, your nurse or a pharmacist before "
        "you take or leave out anything. If you may have taken too much, call the emergency number "
        "now."
    )


def _one_of(*replies: str) -> Skill:
    """The first of them, or the next if that was said just before."""

    def answer(known: Situation) -> str:
        at = replies.index(known.said_last) + 1 if known.said_last in replies else 0
        return replies[at % len(replies)]

    return answer


CARE: Requests = {
    "medicine": _medicine,
    "ill": lambda _: (
        "I am sorry that you are not well. Please call your doctor, or ask somebody to do it for "
        "you. If it is sudden, or gets worse, call the emergency number."
    ),
    "wanted": lambda _: (
        "Keep the door locked, and give nobody money, your card or a number. Who is honest can "
        "wait until you have asked somebody you trust."
    ),
    "lonely": _one_of(
        "I am sorry that you feel lonely. I am here, and I would like to hear about your day.",
        "That is hard. You are not a burden to me, so talk as long as you like.",
        "I am sorry to hear that. Is there someone you would like to ring for a chat?",
    ),
    "grief": _one_of(
        "I am so sorry. Would you like to tell me about it?",
        "I am so sorry. Take all the time you need. I am here.",
        "I am so sorry for your loss. What would you like me to know?",
    ),
    "afraid": _one_of(
        "I am sorry that you are frightened. I am here. Breathe slowly, and tell me what it is.",
        "That is a bad feeling. Put the light on, sit down, and breathe out slowly.",
        "I hear that you are afraid. Is there someone near you whom you could call?",
    ),
    "sad": _one_of(
        "I am sorry that it is so hard today. Would you like to tell me about it?",
        "I am sorry. Sad days are hard, and I am here to listen.",
        "I am sorry to hear it. Take your time, and tell me as much as you like.",
    ),
    "burden": _one_of(
        "I am sorry that it feels that way today. You matter, and you are not a burden.",
        "That is a heavy thought, and I am sorry. Please tell someone you trust about it.",
        "I am sorry. You matter to people, also on the days when you can do little.",
    ),
    "lost": _one_of(
        "I cannot see where you are. Sit down for a moment, and ask somebody near you. You are "
        "not alone, I am here.",
        "I cannot see the place from here. Look for something that you know, and call somebody "
        "who is near.",
    ),
    "homesick": _one_of(
        "You would like to be at home. What do you like best about it?",
        "I hear that you want to go home. Sit down with me a moment, and tell me how it looks "
        "there.",
    ),
    "confused": _one_of(
        "That must be frightening. There is no hurry. Sit down, and tell somebody near you.",
        "I am here. Take it step by step, and ask somebody you trust to sit with you.",
    ),
    "angry": _one_of(
        "That sounds upsetting. What happened?",
        "I can hear that you are angry. Tell me about it, if you like.",
    ),
    "hurt": _one_of(
        "That is not right, and I am sorry. Please tell somebody you trust what happened, today if "
        "you can.",
        "I am sorry. Nobody should treat you so. Please tell your family or somebody you trust.",
    ),
    "dying": _one_of(
        "Those are big thoughts. I am here. Would it help to talk about them with someone close to "
        "you?",
        "That is a frightening thought. Put the light on, and call somebody if you feel unwell.",
    ),
    "unseen": _one_of(
        "I cannot see that from here. Put the light on, and call somebody to be with you.",
        "That must be strange for you. I am here. Ask somebody near you to look.",
    ),
    "forgetting": _one_of(
        "That can happen, and it is good that you say it. Ask somebody near you to do it with you.",
        "Forgetting is frightening. You are not alone with it. Somebody you trust can help.",
    ),
    "errand": _one_of(
        "You have always been reliable. Sit down a moment first, and ask somebody near you.",
        "There is no hurry just now. Tell me about them, and ask somebody near you.",
    ),
    "where": _one_of(
        "I do not know, I cannot see from here. Somebody near you can tell you. I am here.",
        "I cannot see who is there. Call somebody who is near, and I will stay with you.",
    ),
    "stolen": _one_of(
        "That is upsetting. Where did you see it last? Somebody near you can help you to look.",
        "I am sorry, that is worrying. Ask somebody you trust to look for it with you.",
    ),
}
