"""Weather, plants, animals, hobbies and the things people love."""

SLOTS = {
    "weather": {
        "wet": """raining, pouring, drizzling, damp, wet, foggy, misty, cloudy, grey, dull,
            thundering, hailing, stormy, showery""",
        "cold": """cold, freezing, snowing, frosty, icy, chilly, bitter, windy, blowing a gale,
            slippery, sleeting, cool""",
        "fine": "sunny, warm, bright, lovely, mild, fine, dry, calm, beautiful, clear, pleasant",
        "hot": "hot, boiling, very hot, humid, close, muggy, too hot, sweltering",
    },
    "season": {"any": "spring, summer, autumn, winter"},
    "sky": {
        "any": """the rain, the snow, the wind, the sun, the fog, the storm, the clouds, the moon,
            the stars, the frost, the ice, a rainbow, the sunset, the sunrise, the thunder,
            the lightning, the mist, the hail, the puddles, the blue sky"""
    },
    "plant": {
        "flower": """roses, tulips, daffodils, daisies, lilies, sunflowers, poppies, violets,
            pansies, carnations, lavender, sweet peas, snowdrops, crocuses, bluebells, primroses,
            marigolds, geraniums, fuchsias, orchids, begonias, peonies, dahlias, foxgloves,
            hydrangeas, chrysanthemums, buttercups, forget me nots, irises, hyacinths, petunias""",
        "kitchen": """tomatoes, potatoes, beans, peas, carrots, onions, lettuce, cabbages, leeks,
            strawberries, rhubarb, pumpkins, radishes, courgettes, cucumbers, raspberries, parsley,
            mint, basil, thyme, rosemary, sage, chives, garlic, dill, herbs, beetroot""",
        "tree": """apple trees, cherry trees, plum trees, pear trees, oaks, birches, willows,
            chestnut trees, maples, pine trees, holly bushes, hedges, ivy, fig trees,
            magnolias, lilacs, walnut trees, beeches, fir trees, blackberry bushes""",
        "pot": """ferns, cactuses, house plants, rubber plants, bulbs, window boxes, moss,
            seedlings, bonsai trees, palms, aloes, succulents, spider plants""",
    },
    "gardening": {
        "any": """watering the plants, weeding, pruning the roses, mowing the lawn, digging,
            raking the leaves, planting bulbs, sowing seeds, trimming the hedge, picking apples,
            feeding the birds, turning the compost, sweeping the path, cutting the grass,
            potting plants, picking beans, deadheading the flowers, painting the fence"""
    },
    "bird": {
        "garden": """a robin, a blackbird, a sparrow, a blue tit, a wren, a thrush, a finch,
            a starling, a dove, a pigeon, a magpie, a woodpecker, a cuckoo, a swallow, a jay,
            a goldfinch, a nuthatch, a crow, a lark, a hummingbird, a cardinal, a nightingale""",
        "water": """a duck, a swan, a heron, a goose, a seagull, a kingfisher, a moorhen, a coot,
            a puffin, a pelican, a flamingo, a penguin, a stork""",
        "large": """an owl, a hawk, an eagle, a buzzard, a kestrel, a raven, a pheasant, a peacock,
            a falcon, a parrot, a vulture""",
    },
    "animal": {
        "small": """a squirrel, a hedgehog, a mouse, a mole, a frog, a toad, a butterfly, a bee,
            a spider, a snail, a ladybird, a wasp, a moth, an ant, a worm, a bat, a beetle,
            a caterpillar, a lizard, a newt, a dragonfly, a grasshopper, a fly, a rat, a slug""",
        "wild": """a fox, a deer, a badger, a hare, a rabbit, a wolf, a bear, a boar, an otter,
            a seal, a whale, a dolphin, a snake, a stag, a beaver, a moose, a raccoon""",
        "farm": """a cow, a horse, a sheep, a pig, a goat, a donkey, a hen, a cockerel, a lamb,
            a pony, a bull, a calf, a turkey, a chicken, a foal, a llama""",
        "zoo": """a lion, a tiger, an elephant, a giraffe, a monkey, a zebra, a camel, a crocodile,
            a hippo, a rhino, a kangaroo, a koala, a panda, a gorilla, a leopard, a tortoise""",
    },
    "pet": {
        "dog": """dog, puppy, terrier, spaniel, poodle, labrador, sheepdog, greyhound, dachshund,
            old dog, collie, bulldog, beagle, little dog""",
        "cat": "cat, kitten, tabby, black cat, old cat, ginger cat, tomcat, siamese cat",
        "other": """budgie, canary, parrot, rabbit, hamster, guinea pig, goldfish, tortoise, pony,
            parakeet, cockatoo, gerbil""",
    },
    "petname": {
        "any": """Rex, Bella, Max, Luna, Charlie, Daisy, Poppy, Toby, Molly, Whiskers, Fluffy, Ginger,
            Misty, Smokey, Rusty, Lucky, Buster, Coco, Oscar, Felix, Tiger, Patch, Sandy, Shadow,
            Biscuit, Pepper, Honey, Bonnie, Jasper, Sooty"""
    },
    "doings": {
        "hands": """knitting, sewing, crochet, embroidery, woodwork, pottery, quilting, model trains,
            carving, basket weaving, flower arranging, making cards, stamp collecting, candle making,
            weaving, mending clocks, leather work, origami, patchwork, lace making""",
        "art": """painting, drawing, photography, watercolours, sketching, writing letters, calligraphy,
            poetry, writing stories, acting, sculpture, colouring in""",
        "outdoors": """walking, hiking, fishing, gardening, cycling, bird watching, sailing, camping,
            rowing, horse riding, picking mushrooms, bee keeping, skiing, climbing, jogging,
            nordic walking, driving, picnics, canoeing, metal detecting, flying kites""",
        "games": """playing cards, chess, bingo, dominoes, crossword puzzles, jigsaw puzzles, draughts,
            bridge, scrabble, darts, snooker, solitaire, rummy, quizzes, backgammon, board games,
            whist, sudoku, word searches, skittles, marbles, croquet, billiards""",
        "music": """singing, dancing, playing the piano, playing the violin, the guitar, the choir,
            the accordion, the flute, listening to records, the organ, the trumpet, ballroom dancing,
            the harmonica, whistling, the drums, the cello, the ukulele, tap dancing""",
        "sport": """football, cricket, tennis, rugby, golf, swimming, bowls, boxing, horse racing,
            baseball, basketball, badminton, table tennis, hockey, ice skating, gymnastics, yoga,
            pilates, athletics, volleyball, netball, motor racing, bowling, archery""",
        "quiet": """reading, watching television, listening to the radio, the newspaper,
            watching films, baking, cooking, meditation, reading the bible, audiobooks,
            looking at old photographs, detective stories, soap operas, family history,
            telephone chats, travel programmes, watching the clouds""",
    },
    "music": {
        "old": """jazz, swing, big band music, the waltz, old songs, love songs, hymns, carols,
            folk songs, brass bands, lullabies, sea shanties, war songs, musicals, the tango""",
        "classical": """opera, classical music, piano music, the symphony, church music, the choir,
            violin music, Mozart, Bach, Beethoven, Chopin, Vivaldi, a string quartet, ballet music""",
        "modern": """rock and roll, the blues, pop music, country music, soul, reggae, disco,
            dance music, heavy metal, guitar music, rap, hip hop, skiffle""",
    },
    "reading": {
        "any": """a detective story, a love story, the newspaper, a magazine, a history book, poems,
            a cookbook, a travel book, the bible, a novel, a thriller, a ghost story, a fairy tale,
            a biography, a gardening book, a short story, an old diary, a letter, a comic, a mystery"""
    },
    "film": {
        "any": """a western, a comedy, an old film, a musical, a love film, a war film, the news,
            a quiz show, a cartoon, a nature programme, the football, a crime series, a soap opera,
            a cookery programme, a documentary, the tennis, a black and white film, the snooker,
            a gardening programme, a spy film, a horror film, a silent film, the cricket"""
    },
    "colour": {
        "any": """red, blue, green, yellow, white, black, purple, pink, orange, brown, grey, gold,
            silver, turquoise, cream, navy blue, dark green, light blue, violet, beige, maroon,
            crimson, lilac"""
    },
}
