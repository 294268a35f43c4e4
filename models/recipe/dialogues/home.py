"""Things at home, clothes, chores and what the assistant cannot switch on."""

from __future__ import annotations

from .grammar import Topic

_PLACES = {
    "worn": "I cannot see your {thing}. Try the bedside table or the bathroom.",
    "bag": "I cannot see your {thing}. Try the hall, your coat pocket or your bag.",
    "paper": "I cannot see your {thing}. Try the kitchen table or the pile of papers.",
    "remote": "I cannot see your {thing}. Try beside your chair or under the cushions.",
    "soft": "I cannot see your {thing}. Try the armchair, or near the bed.",
    "craft": "I cannot see your {thing}. Try the work basket, the drawer or the shed.",
    "care": "I cannot see your {thing}. Try the bathroom shelf or the bedside table.",
}

TOPICS = (
    Topic(
        "lost_thing",
        (
            "where did i (put|leave|lay) my {thing}",
            "i (cannot find|have lost|lost|am looking for|am missing|misplaced) my {thing}",
            "(have you seen|do you know where i put|can you see|help me find) my {thing}",
            "(where could|where can) my {thing} be",
            "my {thing} (went missing|disappeared|must be somewhere)",
            "somebody (took|stole|hid|moved) my {thing}",
            "where [is/are] (my|the) {thing} (now|again|)",
            "i need my {thing} (now|to go out|) and i cannot find (it|them)",
        ),
        _PLACES,
        5.0,
    ),
    Topic(
        "found_thing",
        (
            "i (found|have found) my {thing} (again|at last|under the bed|in the basket|behind the sofa|)",
            "my {thing} (turned up|was there all along)",
            "{relative} found my {thing}",
        ),
        (
            "I am so glad you found your {thing}.",
            "What a relief about your {thing}. Put it in the same place each time.",
            "Good, your {thing} turned up. Well searched.",
        ),
        1.5,
        "tell",
    ),
    Topic(
        "broken_thing",
        (
            "my {thing} (broke|will not work|fell down|got wet|[needs/need] mending)",
            "(how do i|who can|can you) (mend|clean|fix|replace) my {thing}",
            "i (need|want|must buy|bought|would like) (a new|new) {thing}",
            "i (broke|dropped|sat on|washed) my {thing} {pastday}",
        ),
        (
            "I cannot fix your {thing} myself. Ask someone handy to have a look.",
            "That is a nuisance about your {thing}. Who could help you with it?",
            "A shop can often help with {thing}. Ask someone to go with you.",
        ),
        2.0,
        "tell",
    ),
    Topic(
        "where_is_furniture",
        (
            "(look|is there something|i lost it|it is|i put it) (in|behind|under|on|near) {furniture}",
            "{furniture} ([is/are]|[looks/look]|[feels/feel]) (dusty|old|broken|comfortable|too heavy|in the way|nice)",
            "i (bought|moved|sold|cleaned|painted|like|sat on) {furniture} {pastday}",
            "(who will|can you|help me|i cannot) (move|clean|mend|lift) {furniture}",
            "there is (dust|a spider|a stain|something) (on|under|behind) {furniture}",
        ),
        {
            "sit": "I cannot see {furniture} from here. Are you comfortable there?",
            "store": "I cannot look at {furniture} myself. Ask someone to check it with you.",
            "look": "I cannot see {furniture}. I imagine a good place for everything.",
        },
        2.0,
        "tell",
    ),
    Topic(
        "room",
        (
            "(where is|how do i get to|which way is) {room}",
            "i am (in|near|going to|sitting in|on the way to) {room}",
            "(it is|why is it) (dark|cold|warm|quiet|noisy) in {room}",
            "(is somebody|who is|is there anyone|is {relative}) in {room}",
            "i (would like|am trying|was about) to get to {room}",
            "{room} (is|needs to be|was) (cleaned|painted|tidy|dirty|upstairs)",
        ),
        (
            "I cannot see {room}. Take your time and hold on to something steady.",
            "I do not know your rooms. Go slowly, and ask someone about {room}.",
            "I cannot look into {room} for you. Put a light on when you go.",
        ),
        2.0,
    ),
    Topic(
        "wear",
        (
            "what (shall|should|can) i wear (today|tomorrow|now|to {event})",
            "(what clothes|which clothes) (should|shall) i (put on|wear|choose)",
            "i do not know what to wear",
            "(i have to|i want to|help me|can you help me) (choose my clothes)",
        ),
        lambda context, _: {
            0: "It is winter, so a warm jumper and thick socks would be good.",
            1: "It is spring, so wear layers, and take a cardigan.",
            2: "It is summer, so something light and a hat for the sun.",
            3: "It is autumn, so a jacket and solid shoes would be good.",
        }[context.now.month % 12 // 3],
        1.5,
    ),
    Topic(
        "clothes",
        (
            "where ([is/are]|did i put|have i put) my {wear}",
            "i (am wearing|wore|put on|bought|like|love|knitted) my {wear} {pastday}",
            "my {wear} ([does/do] not fit|[has/have] a hole|[is/are] in the wash|[is/are] dirty|[needs/need] mending|[is/are] too tight)",
            "(should|can|must|may) i (wear|put on|take off|take) my {wear}",
            "i cannot (put on|find|button|take off|reach) my {wear}",
            "(help me with|can you wash|who ironed|have you seen) my {wear}",
            "my {wear} [is/are] {colour}",
            "{relative} gave me (my|this|that) {colour} {wear}",
        ),
        {
            "warm": "Your {wear} will keep you warm. If it is missing, look by the door.",
            "light": "Your {wear} [is/are] good for mild days. Have a look in the wardrobe.",
            "smart": "Your {wear} must look very fine. It may hang in the wardrobe.",
            "home": "Your {wear} should be near the bed. Sit down when you get dressed.",
        },
        3.0,
        "tell",
    ),
    Topic(
        "machine",
        (
            "(turn|switch|put) (on|off) {machine}",
            "(turn|switch) {machine} (on|off)",
            "(can|could|would|will) you (turn|switch) {machine} (on|off)",
            "([is/are]|did i leave|did i turn off|have i left) {machine} (on|off|)",
            "{machine} ([does/do] not work|[is/are] broken|[is/are] too loud|[is/are] not on|[makes/make] a noise)",
            "how (do|does|can) (i|one) (use|start|stop|turn on|mend) {machine}",
            "i cannot (switch on|work|reach|start|turn off) {machine}",
            "make {machine} (brighter|warmer|quieter|louder|lower)",
        ),
        {
            "light": "I am sorry, I cannot switch {machine}. Please use the switch, and mind your step.",
            "heat": "I am sorry, I cannot set {machine}. Please ask someone to help you.",
            "screen": "I am sorry, I cannot work {machine}. Try the button or the remote.",
            "kitchen": "I cannot work {machine}. Please check it yourself, and be careful with the heat.",
            "house": "I cannot work {machine}. Someone at home can help you with it.",
        },
        4.0,
    ),
    Topic(
        "opening",
        (
            "(open|close|shut|lock) {opening}",
            "(can|could|would|will) you (open|close|shut) {opening}",
            "([is/are]|did i leave|who left) {opening} (open|closed|)",
            "i cannot (open|close|shut|lock) {opening}",
            "{opening} ([is/are] stuck|[is/are] open|will not open|[rattles/rattle]|[is/are] locked|[lets/let] in the cold)",
        ),
        (
            "I have no hands, so I cannot help with {opening}. Ask someone near you.",
            "I am sorry, I cannot do that. Take care with {opening}.",
            "I cannot see or move {opening}. Please check it, or ask for help.",
        ),
        2.0,
    ),
    Topic(
        "chores",
        (
            "i (have to|must|should|need to|cannot) do {chore} {day}",
            "(who will|who can|could you|can you|please) do {chore}",
            "i (did|finished|have done|started|forgot) {chore} {pastday}",
            "{relative} (does|did|helps me with|will do) {chore}",
            "{chore} ([is/are]|[was/were]) (hard|done|waiting|too much for me|boring|never finished)",
            "i (do not mind|hate|like|am tired from) {chore}",
        ),
        {
            "wash": "I cannot do {chore}, but you can take it one piece at a time.",
            "clean": "{chore} can be tiring. Do a little, then rest.",
            "out": "{chore} can wait if you are tired. Ask someone to share the work.",
        },
        3.0,
        "tell",
    ),
    Topic(
        "activity",
        (
            "(can|may|should|could) i {activity} (now|today|later|)",
            "i (want|would like|am going|have|need) to {activity} {day}",
            "(i have forgotten how to|i cannot|it is hard to) {activity} (alone|on my own|)",
            "(help me|i need help to|can someone help me to|remind me why i wanted to) {activity}",
            "i used to {activity} every (day|week|morning|evening)",
            "(shall we|let us) {activity} (together|)",
            "is it too (late|early|cold|dark) to {activity}",
        ),
        {
            "body": "To {activity} sounds sensible. Take your time, and hold on to something.",
            "home": "To {activity} is a good plan. Do it at your own pace.",
            "out": "To {activity} would be a nice change. Let someone know before you leave.",
            "fun": "To {activity} would be lovely. I hope you enjoy it.",
        },
        4.0,
    ),
    Topic(
        "remind_me",
        (
            "(remind|can you remind|could you remind|will you remind|please remind) me to {errand} {day}",
            "(remind|can you remind|could you remind) me to {errand}",
            "(do not let me forget|i must not forget|help me remember) to {errand}",
            "(put it on|write on|add to) my list to {errand}",
            "(set|make) a reminder to {errand} {day}",
        ),
        {
            "care": "I cannot set reminders by voice. Ask someone to add this to my list: {errand}.",
            "people": "I cannot note that myself. Please ask someone to put it on my list: {errand}.",
            "house": "I am not able to set reminders. Ask someone to write it on my list: {errand}.",
        },
        3.0,
    ),
    Topic(
        "errand_told",
        (
            "i (have to|must|need to|should|want to) {errand} {day}",
            "i (forgot|nearly forgot|always forget) to {errand}",
        ),
        {
            "care": "To {errand} is important. Do it now if it is time.",
            "people": "To {errand} is a kind thought. Do it while you remember.",
            "house": "To {errand} is soon done. Do it while you think of it.",
        },
        3.0,
        "tell",
    ),
    Topic(
        "alarm",
        (
            "(set|start|give me) (a timer|an alarm|the alarm) for {number} (minutes|hours|o'clock)",
            "wake me (up|) at {number} (o'clock|in the morning|)",
            "(can|could|will) you wake me (up|) (at {number}|early|tomorrow|in the morning)",
            "(stop|cancel|change) (the|my) (alarm|timer)",
            "tell me when {number} minutes are (over|up)",
        ),
        lambda *_: (
            "I am sorry, I cannot set timers or alarms. A kitchen clock or a neighbour may help."
        ),
        2.0,
    ),
    Topic(
        "sounds",
        (
            "(did you hear|can you hear|i heard|i keep hearing|what about) {sound}",
            "there [is/are] {sound} (outside|upstairs|next door|in the garden)",
            "there [was/were] {sound} (outside|upstairs|last night|next door|in the night)",
            "{sound} (woke me up|frightened me|will not stop|[is/are] coming from {room})",
        ),
        (
            "I did not notice {sound}. If it worries you, ask someone to look.",
            "I only listen when you speak to me. Could {sound} come from outside?",
            "It may be nothing, but if {sound} goes on, call a neighbour.",
        ),
        2.0,
        "tell",
    ),
    Topic(
        "where_am_i",
        (
            "where am i (now|)",
            "(whose house is this|what place is this|is this my home|am i at home)",
            "(take me home|i want to go home|i have to go home now|when can i go home)",
            "(i do not know|tell me|i forgot) where i am",
            "how did i get here",
        ),
        lambda *_: (
            "I cannot see where you are. Look around for familiar things, or ask someone near you."
        ),
        2.0,
    ),
)
