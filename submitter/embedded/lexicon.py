"""The words of the embedded benchmark's texts.

Every list is plain English, holds no duplicates, and its order is part of the data set: the
generator draws by position, so changing a list changes the data set's checksum.
"""

NAMES = tuple(
    """Anna Boris Clara David Elena Felix Grace Hugo Irene Jonas Karen Lucas Maria Nora Oscar Paula Quinn Robert
    Sara Thomas Ursula Victor Wanda Xavier Yvonne Zoe Adam Bella Carl Diana Edgar Fiona George Helen Ivan Julia
    Kevin Laura Martin Nina Oliver Petra Ralph Sofia Tobias Vera Walter Alice Bruno Cecilia Dennis Emma Frank Gloria
    Henry Isabel Jacob Katrin Leo Monica Nathan Olga Peter Rosa Simon Tina Vincent Wendy Arthur Beatrice Conrad Doris
    Eric Flora Gustav Hanna Igor Jane Kurt Lydia Mark Naomi Otto Philip Rachel Stefan Teresa Uwe Viola William""".split()
)

VERBS = tuple(
    """bought sold found lost painted repaired carried cleaned borrowed returned opened closed moved watched drew
    measured weighed packed dropped lifted covered wanted chose hid showed kept built broke washed wrapped stored
    traded guarded fetched tested ordered ignored praised studied copied shared saved locked raised turned pushed
    pulled missed noticed described""".split()
)

ADJECTIVES = tuple(
    """red blue green yellow black white brown grey golden silver old new small large heavy light round oval tall
    short wooden plastic broken clean dirty cheap dear soft hard warm cold wet dry thin thick bright dark quiet loud
    strange plain sharp smooth rough empty full striped narrow wide ancient modern simple famous""".split()
)

NOUNS = tuple(
    """boat chair table lamp clock book letter basket bottle bucket ladder hammer kettle mirror blanket carpet candle
    camera guitar piano violin drum trumpet wagon bicycle barrel anchor compass map painting statue vase plate cup
    bowl spoon knife pot oven stove pillow curtain window door fence gate bell rope net tent coat hat scarf glove
    boot shirt jacket ring necklace coin stamp ticket box crate trunk cabinet shelf desk bench stool sofa bed ball
    kite doll puzzle robot engine wheel pump radio phone printer keyboard umbrella suitcase backpack wallet lantern
    telescope magnet feather stone brick tile pipe cable battery""".split()
)

PLACES = tuple(
    """market harbour station library museum school garden forest river bridge castle tower village farm bakery
    office factory theatre hospital airport kitchen cellar attic garage workshop beach island valley mountain lake
    park square church hotel cafe stadium prison palace mill mine barn stable lighthouse laboratory gallery pharmacy
    bank court embassy university""".split()
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

PARTS = ("morning", "noon", "afternoon", "evening", "night")

PREPOSITIONS = ("at", "near", "behind", "outside", "inside", "opposite")
