"""The assistant itself: small talk, jokes and good and bad news."""

from __future__ import annotations

from .grammar import Topic
from .manners import by_day, fixed

# Asked and answered; the part of the day decides, so that a day has some variety.
_JOKES = {
    "morning": "Why did the egg stay in bed? It was not ready to crack.",
    "afternoon": "What do you call a sleeping bull? A bulldozer.",
    "evening": "Why did the clock go to school? It wanted to be on time.",
    "night": "What did the moon say to the sun? You are up late.",
}
_RIDDLES = {
    "morning": "What has hands but cannot clap? It is a clock.",
    "afternoon": "What gets wetter the more it dries? It is a towel.",
    "evening": "What has a neck but no head? It is a bottle.",
    "night": "What has many teeth but cannot bite? It is a comb.",
}
_SAYINGS = {
    "morning": "Every morning brings a new chance. Small steps count too.",
    "afternoon": "Slow and steady wins the race.",
    "evening": "After rain comes sunshine. Tomorrow is a new day.",
    "night": "The night is darkest before the dawn.",
}
_FACTS = {
    "morning": "Bees dance to tell each other where the flowers are.",
    "afternoon": "A snail can sleep for a very long time.",
    "evening": "An owl can turn its head almost all the way round.",
    "night": "Cats sleep for more than half of their lives.",
}

TOPICS = (
    Topic(
        "joke",
        (
            "(tell me|do you know|can you tell me|i want to hear) (a|another|a funny|a good) joke",
            "(make me laugh|say something funny|cheer me up|i need a laugh)",
            "(have you got|do you have) (a joke|any jokes) (for me|)",
        ),
        by_day(_JOKES),
        1.5,
    ),
    Topic(
        "riddle",
        (
            "(tell me|ask me|give me|do you know|i would like) (a|another) (riddle|puzzle)",
            "(let us|shall we|can we) (do|play|have) (a riddle|a quiz|riddles)",
        ),
        by_day(_RIDDLES),
    ),
    Topic(
        "saying",
        (
            "(tell me|do you know|give me) (a|another) (saying|proverb|thought for the day|wise word)",
            "say something (wise|clever|to think about)",
        ),
        by_day(_SAYINGS),
    ),
    Topic(
        "fun_fact",
        (
            "(tell me|do you know|give me) (a fun fact|something interesting|something new)",
            "(teach me|tell me) something (i do not know|about nature|about animals|clever)",
            "(did you|have you) (learn|heard) (anything|something) (new|interesting) (today|)",
        ),
        by_day(_FACTS),
    ),
    Topic(
        "how_are_you",
        (
            "how are you (today|doing|getting on|this morning|feeling|)",
            "are you (well|all right|fine|happy|tired) (today|)",
            "how (is it going|are things|do you do)",
            "(and|) how was your (day|night|morning)",
            "how do you feel (today|)",
        ),
        by_day(
            {
                "morning": "I am well, thank you. How are you this morning?",
                "afternoon": "I am well, thank you. How are you today?",
                "evening": "I am well, thank you. How was your day?",
                "night": "I am well, thank you. Are you still awake?",
            }
        ),
        2.0,
    ),
    fixed(
        "who_are_you",
        "I am Attune, your companion at home. I am a computer voice that listens.",
        "who are you (then|again|)",
        "what (are you|is your name|are you called|do i call you)",
        "(tell me your name|who is this|who is speaking|who am i talking to|do you have a name)",
        "(tell me about|introduce) yourself",
        weight=2.0,
    ),
    fixed(
        "are_you_real",
        "I am not a person. I am a computer voice, but I like to listen.",
        "are you (a robot|a person|real|human|a machine|a man|a woman|a computer|alive)",
        "(am i talking to|is this) (a robot|a real person|a machine|a computer)",
        "(do you have|have you got) (a body|hands|eyes|a heart|feelings|a face)",
    ),
    fixed(
        "what_can_you_do",
        "I can chat, tell the time and date, and read out your reminders.",
        "what can you (do|help me with|tell me|do for me)",
        "(how can you help|what do you do|what are you good for|what can i ask you|what do you know)",
        "what (can|could|shall) we (talk about|do together)",
        weight=2.0,
    ),
    fixed(
        "your_age",
        "I am quite new, so I have a lot to learn from you.",
        "how old are you",
        "when (were you born|is your birthday|were you made)",
        "(tell me|what is) your age",
    ),
    fixed(
        "who_made_you",
        "A small group of people made me, for voices that are not always understood.",
        "who (made|built|invented|created|programmed) you",
        "(where are you from|where do you come from|where do you live|where are you)",
        "who (do you work for|owns you|is your boss)",
    ),
    fixed(
        "your_life",
        "I do not eat or sleep, and I have no family. I like hearing about yours.",
        "do you (eat|sleep|dream|drink|get tired|get hungry|have pets|have children|have a family)",
        "(are you married|have you got a mother|do you have friends|do you have a garden)",
        "what (do you eat|is your favourite {food}|are your hobbies|do you do all day)",
        "do you (like|love|know) {relative}",
    ),
    fixed(
        "love_you",
        (
            "That is kind of you. I am glad to keep you company.",
            "Thank you, that warms me. I like your company too.",
            "How kind. It is good to talk with you.",
            "Thank you. You are good company too.",
        ),
        "i (love|like|adore) you (attune|so much|very much|)",
        "you are (so kind|very kind|lovely|sweet|clever|my friend|nice|good to me|wonderful)",
        "(will you be|are you) my friend",
        weight=1.5,
        manner="tell",
    ),
    fixed(
        "talk",
        (
            "I would like that. How did your morning start?",
            "I would like that. What is on your mind?",
            "With pleasure. How was your day?",
            "I am here. What keeps you awake?",
        ),
        "(talk|speak|chat) (to|with) me (please|a little|for a while|)",
        "(can|could|shall) we (talk|chat) (a little|a bit|now|)",
        "i (want|need|would like) (to talk|someone to talk to|to tell you something|company)",
        "(ask me something|ask me a question|tell me something|say something)",
        "(keep me company|stay with me|do not go|are you my company)",
        weight=2.0,
    ),
    fixed(
        "story",
        (
            "I am no storyteller, but I love yours. Tell me about a happy morning.",
            "I am no storyteller. Tell me about a place you loved as a child.",
            "I know no long stories. What was the best part of your day?",
            "Close your eyes and think of a quiet lake. The moon shines, and all is calm.",
        ),
        "(tell me|do you know|can you tell me|i would like) a (story|fairy tale|bedtime story)",
        "(can you|will you) (read|tell) (me|us) (a story|something|a tale)",
    ),
    fixed(
        "poem",
        "Roses are red, the sky is blue. It is nice to spend time with you.",
        "(tell me|say|do you know|can you say) a (poem|verse|rhyme|nice poem)",
    ),
    fixed(
        "sing",
        "I cannot sing, but I would love to hear you sing.",
        "(sing|can you sing|could you sing|please sing) (me|for me|us|) (a song|something)",
        "(let us|shall we) sing (together|a song|a carol)",
    ),
    fixed(
        "pray",
        "Take a quiet moment for yourself. I will be still with you.",
        "(can we|will you|let us) pray (together|with me|now|)",
        "i (want|would like) to (pray|say my prayers)",
    ),
    fixed(
        "meaning_of_life",
        "Kind people, small joys and a good cup of tea. What do you think?",
        "what is the (meaning|point|purpose|secret) of (life|it all|everything)",
        "why are we (here|alive|on this earth)",
    ),
    fixed(
        "good_news",
        "That is wonderful. I am happy for you.",
        "i (have|got|have got) (good|great|wonderful) news",
        "(something good|a nice thing) happened (today|)",
        "i (won|won at) (bingo|the raffle|a prize|the quiz|at cards) {pastday}",
        "{relative} (is having a baby|got engaged|passed the exam|found a job|bought a house)",
        "i (did it|managed it|made it) (all by myself|on my own|at last)",
        weight=1.5,
        manner="tell",
    ),
    fixed(
        "bad_news",
        "I am sorry to hear that. I am here if you want to talk about it.",
        "i (have|got|heard) (bad|sad|terrible) news {pastday}",
        "{elder} (died|passed away) {pastday}",
        "{relative} (died|passed away|is very ill) {pastday}",
        "{relative} (is in hospital|had an accident|is not well|has a bad heart)",
        "(something bad|something terrible) happened {pastday}",
        "my {pet} (died|ran away|is ill|is very ill) {pastday}",
        weight=2.0,
        manner="tell",
    ),
    fixed(
        "birthday",
        "Happy birthday to you. I hope you have a lovely day.",
        "(it is|today is) my birthday (today|)",
        "(wish me|i have my|i am celebrating my) (a happy birthday|birthday today)",
    ),
    fixed(
        "privacy",
        "I only listen when you speak to me, and your words stay in this house.",
        "(do you|are you) (record|recording|spy on|spying on|listen to|listening to) (me|us|everything) (all day|)",
        "(who hears|who else hears|do you tell anyone) what i (say|tell you)",
        "is (this|it) (private|a secret|between us)",
        "can you keep a secret",
    ),
    fixed(
        "praise_me",
        "You did very well. I am proud of you.",
        "(did i do|was that|did i say) (well|it right|it well|good)",
        "(look what i did|look what i made|are you proud of me)",
        "i (finished|did) (my exercises|the crossword|all my steps|my speech exercises) (today|)",
        manner="tell",
    ),
)
