"""What rings is meant first when a timer or an alarm is cancelled."""

from __future__ import annotations

from assistant.household.agenda import How, Kind
from assistant.skills.skill import Said, Situation


def hushed(known: Situation, kind: Kind, name: str = "") -> Said | None:
    """Lets what rings of a kind be silent, if anything does.

    Args:
        known: the situation.
        kind: of what is meant.
        name: of what is meant, if it was said.
    """
    agenda, moment = known.household.agenda, known.moment
    rings = [each for each in agenda.rings() if each.kind is kind and name in ("", each.name)]
    if not rings:
        return None
    return Said("All right.", lambda: agenda.end(rings, How.STOPPED, moment))
