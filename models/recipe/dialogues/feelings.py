"""Feelings, body and health, and emergencies."""

from __future__ import annotations

from assistant.spoken_times import part_of_day

from .grammar import Topic

_FALL = "Stay where you are and call for help now. Press your alarm button or ring the emergency number."
_CHEST = "That may be serious. Call the emergency number now, and sit down while you wait."
_FIRE = "Leave the house at once if you can, and call the emergency number."

TOPICS = (
    Topic(
        "feels_low",
        (
            "i (am|feel|am feeling) (so|very|a bit|rather|terribly|) {feeling_low} (today|again|now|)",
            "i (have been|was|have felt) (so|very|) {feeling_low} (lately|all day|all week|yesterday)",
            "why (am i|do i feel) so {feeling_low}",
            "{relative} (makes|made) me (feel|) {feeling_low}",
            "i do not (want|like) to (be|feel) {feeling_low}",
            "it makes me {feeling_low} (when it is dark|to be alone|to think of it)",
            "(sometimes|often|at night|every evening) i (feel|am|get) {feeling_low}",
            "what (can|should) i do when i (feel|am) {feeling_low}",
        ),
        {
            "sad": "I am sorry you feel {feeling_low}. Would you like to tell me, or call someone you love?",
            "lonely": "It is hard to feel {feeling_low}. I am here, and a call to a friend may help.",
            "afraid": "You feel {feeling_low}. Breathe slowly, and call someone you trust.",
            "angry": "It is all right to feel {feeling_low}. Take a slow breath and tell me about it.",
            "muddled": "You feel {feeling_low}, and that passes. Sit down, and let us go step by step.",
            "weary": "You feel {feeling_low}. Sit down and rest a little, you have done enough.",
            "bored": "You feel {feeling_low}. How about some music, or a call to a friend?",
            "ashamed": "Please do not feel {feeling_low}. You are doing your best, and that counts.",
        },
        5.0,
        "tell",
    ),
    Topic(
        "feels_good",
        (
            "i (am|feel|am feeling) (so|very|really|quite|) {feeling_good} (today|again|now|)",
            "i (have been|was|felt) (so|very|) {feeling_good} (lately|all day|yesterday)",
            "{relative} (makes|made) me (feel|) {feeling_good}",
            "(music|the garden|the sun|a good meal|a walk) (makes|made) me (feel|) {feeling_good}",
            "(today|this morning|at last) i (feel|am) {feeling_good}",
        ),
        {
            "happy": "How lovely that you feel {feeling_good}. What made it so?",
            "calm": "It is good to feel {feeling_good}. Enjoy the moment.",
            "strong": "I am glad you feel {feeling_good}. Make the most of the day.",
            "proud": "You have every reason to feel {feeling_good}. Well done.",
        },
        3.0,
        "tell",
    ),
    Topic(
        "discomfort",
        (
            "i (am|feel|am getting) (so|very|a bit|rather|) {discomfort} (now|again|)",
            "(are you|why am i so) {discomfort}",
            "i (was|have been) {discomfort} all (day|night|morning)",
            "it makes me {discomfort}",
        ),
        {
            "cold": "If you are {discomfort}, put on something warm and have a hot drink.",
            "hot": "If you are {discomfort}, open a window and drink some water.",
            "hungry": "If you are {discomfort}, have a little something to eat.",
            "thirsty": "If you are {discomfort}, please have a glass of water now.",
        },
        2.0,
        "tell",
    ),
    Topic(
        "pain",
        (
            "my {bodypart} ([hurts/hurt]|[aches/ache]|[is/are] sore|[is/are] killing me) (today|again|a lot|so much|)",
            "i have (a|) pain in my {bodypart}",
            "i (hurt|hit|bumped|twisted|burnt|scratched) my {bodypart} {pastday}",
            "(why does|what can i do when|what helps when) my {bodypart} [hurts/hurt]",
            "my {bodypart} ([is/are]|[feels/feel]) (stiff|swollen|numb|cold|better|bruised) (today|again|)",
            "i cannot (move|bend|feel|lift) my {bodypart}",
            "there is something wrong with my {bodypart}",
        ),
        {
            "joint": "I am sorry about your {bodypart}. Rest a while, and tell your doctor if it stays.",
            "limb": "I am sorry about your {bodypart}. Sit down, and ask someone to have a look.",
            "head": "I am sorry about your {bodypart}. If it gets worse, call your doctor.",
            "belly": "I am sorry about your {bodypart}. Lie down a little, and call the doctor if it lasts.",
        },
        4.0,
        "tell",
    ),
    Topic(
        "ailment",
        (
            "i (have|have got|think i have|woke up with|am getting) {ailment} (today|again|)",
            "(what helps against|what is good for|what can i take for|how do i get rid of) {ailment}",
            "{relative} has {ailment}",
            "([is/are] {ailment}|could {ailment} be) (dangerous|serious|catching)",
            "{ailment} (kept me awake|[is/are] troubling me|[is/are] back) (again|)",
        ),
        {
            "cold": "I cannot give medical advice on {ailment}. Rest, keep warm and ask a doctor if it lasts.",
            "ache": "{ailment} [is/are] no fun. Rest a little, and ask your doctor or nurse about it.",
            "tummy": "{ailment} [is/are] unpleasant. Ask a doctor or pharmacist what is right for you.",
            "other": "Please show {ailment} to your nurse or doctor, as I cannot give medical advice.",
        },
        3.0,
    ),
    Topic(
        "medicine_asked",
        (
            "(can|may|should) i take (another|two|one more|an extra) (pill|tablet|painkiller)",
            "(how many|which) (pills|tablets|drops) (can|should|may) i take",
            "what (is this|is the white|is the red|is the little) pill for",
            "(can|may) i (stop|skip|change|forget) my (pills|medicine|tablets)",
            "is my (blood pressure|blood sugar|pulse|weight) (all right|normal|too high|too low)",
            "(do i need|should i see|should i call) (a|the) (doctor|nurse) (about it|)",
            "(is this|are these) pills (safe|mine|good for me)",
        ),
        ("I cannot give medical advice. Please ask your doctor, nurse or pharmacist.",),
        1.5,
    ),
    Topic(
        "fallen",
        (
            "i (have fallen|fell|fell down|have fallen down|have had a fall)",
            "i (fell|have fallen) (in|down) (the bathroom|the stairs|the kitchen|the garden|the hall)",
            "i (have fallen|fell) and (cannot|i cannot|i cannot) get up",
            "i (cannot get up|am on the floor|am lying on the floor|slipped and fell)",
            "(help me|help) i (fell|have fallen|am on the floor)",
            "i think i (broke|have broken) my (leg|hip|arm|wrist)",
        ),
        lambda *_: _FALL,
        2.0,
        "bare",
    ),
    Topic(
        "chest_pain",
        (
            "i have (a|) (chest pain|pain in my chest|terrible chest pain)",
            "my (chest|heart) hurts (a lot|so much|badly|)",
            "i (cannot breathe|cannot get air|am choking|am bleeding a lot|am bleeding badly)",
            "(half of my face|one side of me|my arm and face) (is|feels) numb",
            "i (think i am having|am having) a (stroke|heart attack)",
            "my heart is (racing|pounding) and i (feel faint|cannot breathe)",
            "(my husband|my wife|somebody) is (not breathing|unconscious|not waking up)",
        ),
        lambda *_: _CHEST,
        2.0,
        "bare",
    ),
    Topic(
        "fire",
        (
            "(there is a fire|something is burning|the house is on fire|the kitchen is burning)",
            "(there is|i see|i smell) smoke (in the house|in the kitchen|everywhere)",
            "i (smell|can smell) (gas|burning|fire)",
            "(the curtains|the stove|the pan) caught fire",
        ),
        lambda *_: _FIRE,
        1.0,
        "bare",
    ),
    Topic(
        "intruder",
        (
            "(there is|i hear|i think there is) (someone|somebody|a stranger|a burglar) (in the house|at the door|outside|downstairs)",
            "(someone|somebody|a man) is (trying to get in|breaking in|in my room)",
            "a (man|stranger) at the door (wants to come in|wants money)",
        ),
        lambda *_: "Keep the door locked. If you are unsure, call a neighbour or the police now.",
        1.0,
        "bare",
    ),
    Topic(
        "help",
        (
            "(help|please help|help me) (me|now|please)",
            "i need (help|some help|your help) (now|please|)",
            "(can|could|will) (you|somebody|someone|anybody) help me",
            "(it is|this is) an emergency",
            "call (an ambulance|the emergency|for help|the police)",
            "i (do not feel|am not) (well|right) (at all|)",
            "i (feel|am) (faint|dizzy|ill|sick|unwell)",
        ),
        lambda *_: (
            "I cannot call anyone myself. If it is urgent, ring the emergency number or call out now."
        ),
        2.0,
        "bare",
    ),
    Topic(
        "death_wish",
        (
            "i (do not want to|cannot) (live any more|go on|go on like this)",
            "i (want to|wish i could) (die|be dead|end it all)",
            "(life|it) is not worth (living|it) (any more|)",
            "nobody (would miss me|needs me any more|would notice if i was gone)",
        ),
        lambda *_: (
            "I am so sorry it is this hard. Please call someone now, a loved one or the emergency number."
        ),
        1.0,
        "bare",
    ),
    Topic(
        "sleep",
        (
            "i (slept|have slept) (well|badly|like a log|not at all|only a little) (last night|)",
            "i (cannot|could not|never) (sleep|fall asleep|get to sleep) (last night|at night|)",
            "i (was awake|lay awake|woke up) (all night|at three|many times|so early)",
            "i had a (dream|bad dream|nightmare|strange dream|lovely dream) (last night|about {relative}|)",
            "i dreamt (of|about) ({relative}|{animal}|{town}|my childhood|falling|the sea)",
        ),
        lambda context, _: (
            "Good nights and bad nights come and go. How do you feel this morning?"
            if part_of_day(context.now) == "morning"
            else "A calm hour before bed can help with sleep. Take it easy until then."
        ),
        2.0,
        "tell",
    ),
    Topic(
        "encourage",
        (
            "i cannot do (it|this|that|anything) (any more|right|alone|)",
            "(it is|this is) too (hard|difficult|much|complicated) (for me|)",
            "i am (good for nothing|no use to anyone|not clever enough)",
            "i (give up|have had enough|am at the end)",
            "(give me|i need) (some|) (courage|hope|strength|a kind word)",
            "(say|tell me) something (nice|kind|good)",
        ),
        lambda *_: "One small step is enough for now. You have managed so much already.",
        2.0,
        "tell",
    ),
    Topic(
        "forgets",
        (
            "i (always|keep) (forget|forgetting) (everything|things|names|words)",
            "(my memory|my head|my brain) (is going|does not work|is like a sieve|lets me down)",
            "i (cannot remember|forgot) (anything|what i wanted|what i was saying|her name|his name)",
            "what (did i want|was i saying|was it i wanted)",
            "i (am losing|think i am losing) my (mind|memory)",
        ),
        lambda *_: "That happens, do not worry. Give it a moment and it may come back.",
        2.0,
        "tell",
    ),
    Topic(
        "unheard",
        (
            "nobody (understands|listens to|visits|calls|hears|needs) me",
            "(people|they) (never listen|do not understand me|talk too fast|treat me like a child)",
            "the words (will not come|are gone|do not come out right)",
        ),
        lambda *_: "I am listening. Take your time, there is no hurry.",
        2.0,
        "tell",
    ),
    Topic(
        "fatigue",
        (
            "i (need|want|would like|am going to have) a (rest|nap|break|lie down|little sleep)",
            "i (could|want to) (sleep|lie down) (all day|for a week|right now)",
            "i (have no energy|cannot keep my eyes open|am ready for a nap)",
        ),
        lambda *_: "Then have a rest. There is nothing that cannot wait a little.",
        1.0,
        "tell",
    ),
    Topic(
        "crying",
        (
            "i (am crying|have been crying|could cry|cried all night|want to cry)",
            "(everything|it) makes me cry (today|)",
            "my (heart|soul) is (heavy|broken|so heavy)",
        ),
        lambda *_: "Let the tears come, that is all right. I am here with you.",
        1.0,
        "tell",
    ),
)
