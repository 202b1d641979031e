"""Words and sentence patterns from which simple English text is composed.

A slot `{name}` takes an entry of `WORDS[name]`. Entries with bars hold forms that belong together.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(","))


WORDS: dict[str, tuple[str, ...]] = {
    "hero": _words(
        "the old farmer|he|his|him, the young girl|she|her|her, my brother|he|his|him, her aunt|she|her|her,"
        "the doctor|she|her|her, a poor sailor|he|his|him, the teacher|she|her|her, Mr. Brown|he|his|him,"
        "Mrs. Carter|she|her|her, the king|he|his|him, a tired soldier|he|his|him, the gardener|he|his|him,"
        "my grandmother|she|her|her, the captain|he|his|him, the shopkeeper|he|his|him, little Tom|he|his|him,"
        "the miller's daughter|she|her|her, Captain Reed|he|his|him, Miss Lane|she|her|her, the stranger|he|his|him"
    ),
    "adj": _words(
        "old, small, large, quiet, heavy, bright, cold, warm, dark, broken, narrow, wide, red, grey, green, blue, white,"
        "wooden, pleasant, strange, empty, little, fine, long, plain, pretty, dusty, deep, soft, clean, beautiful"
    ),
    "thing": _words(
        "lamp, letter, book, coat, basket, knife, box, chair, hat, key, clock, rope, candle, ring, stone, bell, map, coin,"
        "loaf of bread, cup of tea, piece of cheese, pair of shoes, bottle of milk, bag of apples, picture, table, spade"
    ),
    "place": _words(
        "the kitchen, the garden, the market, the church, the river, the harbour, the wood, the village, the city, the bridge,"
        "the school, the station, the mill, the hill, the shore, the inn, the square, the barn, the library, the shop"
    ),
    "animal": _words("dog, cat, horse, cow, bird, sheep, goat, fish, hen, mouse, fox, rabbit, bee, donkey, pig, duck"),
    "time": _words(
        "in the morning, in the evening, at noon, before dawn, after dinner, on Sunday, on the third day, in the winter,"
        "that summer, late at night, the next day, after a while, at last, in the spring, every day, at four o'clock"
    ),
    "feeling": _words(
        "glad, sorry, tired, afraid, angry, proud, happy, surprised, hungry, content, sad, very much pleased"
    ),
    "saw": _words(
        "saw, found, took, bought, carried, lost, remembered, wanted, kept, looked at, forgot, mended, painted"
    ),
    "went": _words("went, walked, ran, came, drove, rode, hurried, set out, returned, climbed slowly"),
    "weather": _words(
        "it began to rain, the wind was cold, the sun came out, there was snow on the ground, the sky was clear,"
        "the fog was thick, it grew dark, the night was still, the storm had passed, the leaves were falling"
    ),
    "number": _words("two, three, four, five, six, seven, eight, nine, ten, twelve, twenty, a hundred, many, a few"),
    "remark": _words(
        "I do not think so, It is too late, You must wait a little, There is nothing to fear, We shall see, Come with me,"
        "I have never seen it before, It belongs to my father, That is very kind of you, I will tell you tomorrow,"
        "You are quite right, Nobody knows, It was not my fault, I am sure of it, Let us go home"
    ),
    "opposite": _words(
        "hot|cold, big|small, tall|short, light|dark, fast|slow, old|young, rich|poor, wet|dry, open|closed, early|late,"
        "heavy|light, loud|quiet, hard|soft, full|empty, near|far, high|low, true|false, strong|weak, clean|dirty"
    ),
    "capital": _words(
        "France|Paris, Italy|Rome, Spain|Madrid, Germany|Berlin, England|London, Japan|Tokyo, Egypt|Cairo, Russia|Moscow,"
        "Greece|Athens, Portugal|Lisbon, Norway|Oslo, Sweden|Stockholm, Ireland|Dublin, Austria|Vienna, Poland|Warsaw"
    ),
    "color": _words(
        "grass|green, snow|white, blood|red, coal|black, the sky|blue, a lemon|yellow, an orange|orange, milk|white"
    ),
    "legs": _words(
        "a dog|four, a bird|two, a spider|eight, a bee|six, a horse|four, a cat|four, an ant|six, a hen|two"
    ),
    "maker": _words(
        "bread|baker, shoes|shoemaker, clothes|tailor, tables|carpenter, horseshoes|blacksmith, clocks|clockmaker,"
        "pictures|painter, books|writer, music|musician, pots|potter, houses|builder"
    ),
    "where": _words(
        "lamp|the kitchen, letter|the library, spade|the garden, basket|the barn, rope|the harbour, horse|the square,"
        "book|the school, bell|the church, boat|the river, coin|the market, clock|the station, candle|the inn"
    ),
    "goods": _words("apples|fruit, chickens|birds, candles|lights, onions|food, nails|iron, ribbons|cloth"),
    "hero_name": _words("my brother, the doctor, Mrs. Carter, little Tom, the captain, the gardener, a stranger, Anne"),
    "follows": _words(
        "Monday|Tuesday, Tuesday|Wednesday, Wednesday|Thursday, Thursday|Friday, Friday|Saturday, Saturday|Sunday,"
        "spring|summer, summer|autumn, autumn|winter, one|two, two|three, three|four, four|five, January|February"
    ),
}

SENTENCES: tuple[str, ...] = (
    "{time} {who} {went} to {place}.",
    "{who} had a {adj} {thing} and {number} {adj} chickens.",
    "{weather}, and {he} was {feeling}.",
    "{he} {saw} the {adj} {thing} in {place}.",
    "there was a {adj} {animal} by {place}, and it belonged to {who}.",
    '"{remark}," said {who}, and {he} put the {thing} on the table.',
    "when {weather}, {who} {went} home with {his} {animal}.",
    "{he} did not know what to do with the {thing}.",
    "{he} gave the {thing} to {his} friend, who was {feeling}.",
    "the {adj} house near {place} was {adj} and {adj}.",
    "{time} {weather}, but {who} was not {feeling}.",
    "{he} had lived near {place} for {number} years.",
    '{he} asked {his} mother for a {adj} {thing}. "{remark}," she answered.',
    "nobody in {place} had seen the {adj} {animal} for {number} days.",
    "{who} was {feeling} because the {thing} was {adj}.",
    "{time}, the people of {place} gave {him} a {thing}.",
    "it was a {adj} day, and {he} {went} as far as {place}.",
    "if {he} had known about the {thing}, {he} would have been {feeling}.",
    "{he} said that the {animal} was {adj} and that the {thing} was {adj}.",
    "from {place} one could see {place}, which was {adj} and {adj}.",
)

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("What is the opposite of {x}?", "The opposite of {x} is {y}.", "opposite"),
    ("Tell me a word that means the contrary of {y}.", "The contrary of {y} is {x}.", "opposite"),
    ("What is the capital of {x}?", "The capital of {x} is {y}.", "capital"),
    ("Which country has {y} as its capital?", "{y} is the capital of {x}.", "capital"),
    ("What color is {x}?", "The usual color of {x} is {y}.", "color"),
    ("How many legs does {x} have?", "It has {y} legs.", "legs"),
    ("Who makes {x}?", "A {y} makes {x}.", "maker"),
    ("What does a {y} make?", "A {y} makes {x}.", "maker"),
    ("What comes after {x}?", "After {x} comes {y}.", "follows"),
    ("What is {a} plus {b}?", "{a} plus {b} is {sum}.", "sum"),
    ("Where is the {x}?", "The {x} is in {y}, where it was put {time}.", "where"),
    ("Who has the {x}?", "The {x} was in {y}, but {hero_name} took it away.", "where"),
    ("What did you buy?", "I bought a {adj} {thing} and {number} {adj} {x}.", "goods"),
)
