"""The words of the embedded benchmark's texts.

Each list has plain English words without duplicates. The order of the words is part of the data set: the generator
draws words by position, so any change of a list changes the data set's checksum.
"""

NAMES = tuple(
    """Anna Boris Clara David Elena Felix Grace Hugo Irene Jonas Karen Lucas Maria Nora Oscar Paula Quinn Robert
    Sara Thomas Ursula Victor Wanda Xavier Yvonne Zoe Adam Bella Carl Diana Edgar Fiona George Helen Ivan
    Julia Kevin Laura Martin Nina Oliver Petra Ralph Sofia Tobias Vera Walter Alice Bruno Cecilia Dennis Emma
    Frank Gloria Henry Isabel Jacob Katrin Leo Monica Nathan Olga Peter Rosa Simon Tina Vincent Wendy Arthur
    Beatrice Conrad Doris Eric Flora Gustav Hanna Igor Jane Kurt Lydia Mark Naomi Otto Philip Rachel Stefan
    Teresa Uwe Viola William""".split()
)

VERBS = tuple(
    """bought sold found lost painted repaired carried cleaned borrowed returned opened closed moved watched
    drew measured weighed packed dropped lifted covered wanted chose hid showed kept built broke washed
    wrapped stored traded guarded fetched tested ordered ignored praised studied copied shared saved locked
    raised turned pushed pulled missed noticed described""".split()
)

ADJECTIVES = tuple(
    """red blue green yellow black white brown grey golden silver old new small large heavy light round oval
    tall short wooden plastic broken clean dirty cheap dear soft hard warm cold wet dry thin thick bright
    dark quiet loud strange plain sharp smooth rough empty full striped narrow wide ancient modern simple
    famous""".split()
)

NOUNS = tuple(
    """boats chairs tables lamps clocks books letters baskets bottles buckets ladders hammers kettles mirrors
    blankets carpets candles cameras guitars pianos violins drums trumpets wagons bicycles barrels anchors
    maps paintings statues vases plates cups bowls spoons knives pots ovens stoves pillows curtains windows
    doors fences gates bells ropes nets tents coats hats scarves gloves boots shirts jackets rings necklaces
    coins stamps tickets boxes crates trunks cabinets shelves desks benches stools sofas beds balls kites
    dolls puzzles robots engines wheels pumps radios phones printers keyboards umbrellas suitcases backpacks
    wallets lanterns telescopes magnets feathers stones bricks tiles pipes cables batteries apples""".split()
)

PLACES = tuple(
    """Oslo Paris London Madrid Lisbon Rome Milan Vienna Prague Warsaw Berlin Munich Hamburg Dresden Zurich
    Geneva Athens Dublin Cork Bergen Stockholm Helsinki Tallinn Riga Vilnius Krakow Budapest Belgrade Zagreb
    Bern Cairo Tunis Nairobi Lagos Delhi Mumbai Tokyo Osaka Kyoto Seoul Manila Sydney Perth Boston Chicago
    Denver Dallas Seattle Lima Quito""".split()
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

PARTS = ("morning", "noon", "afternoon", "evening", "night")

PREPOSITIONS = ("in", "near", "outside", "around")

JOBS = tuple(
    """baker teacher doctor farmer lawyer painter plumber pilot sailor soldier singer dancer writer driver nurse
    gardener carpenter butcher tailor miner banker judge chemist dentist florist grocer locksmith mechanic
    photographer porter""".split()
)

FOODS = tuple(
    """soup bread cheese rice pasta pizza fish beans carrots mushrooms potatoes tomatoes salad pancakes sausages honey
    chocolate noodles dumplings peas pears plums cherries grapes""".split()
)

DRINKS = tuple("tea coffee milk water lemonade cider cocoa juice beer wine".split())

COLOURS = tuple("purple orange pink violet crimson scarlet turquoise beige cream amber".split())

ANIMALS = tuple(
    """parrot rabbit donkey pony dog cat goat sheep goose duck hamster turtle lizard snake monkey ferret pigeon
    canary hedgehog squirrel""".split()
)

SPORTS = tuple("tennis football hockey rugby chess golf cricket darts polo badminton volleyball basketball".split())

INSTRUMENTS = tuple("flute harp cello banjo organ clarinet trombone mandolin bagpipe saxophone tuba accordion".split())

MONTHS = tuple("January February March April May June July August September October November December".split())

LANGUAGES = tuple(
    """English French German Spanish Italian Danish Dutch Polish Czech Greek Turkish Arabic Hindi Japanese Korean
    Chinese Finnish Swedish Hungarian Russian""".split()
)

VEHICLES = tuple("car van truck tractor taxi bus lorry motorcycle scooter jeep".split())

FLOWERS = tuple("roses tulips lilies daisies poppies orchids sunflowers violets pansies irises".split())
