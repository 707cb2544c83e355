"""What the texts of the training data say: filler, facts and questions. The model knows these phrases and no others."""

NOUNS = (
    "river stone garden letter window market teacher engine forest paper bridge winter doctor signal harbor circle planet "
    "kitchen mirror pencil desert station ladder shadow village copper thunder valley blanket candle island basket lantern "
    "saddle meadow anchor feather hammer orchard carpet"
).split()
VERBS = (
    "carried opened followed painted counted repaired watched lifted moved found measured sold cleaned studied crossed "
    "noticed copied turned hid answered"
).split()
ADJECTIVES = (
    "old small bright heavy quiet green narrow early broken hidden warm distant simple golden empty loud gentle strange "
    "sharp cold"
).split()
MORE_NOUNS = (
    "anchor apple apron arch arrow attic axle badge bakery balcony ball banner barley barn barrel basin basket bay "
    "beach bead beam bell belt bench berry bicycle birch blanket block boat bolt book boot bottle bowl bracelet "
    "branch brick bridge brook broom brush bucket buckle bundle button cabin cable cake camera canal candle canoe "
    "canvas carpet cart castle cave cedar cellar chain chalk chapel chart cherry chest chimney circle clay cliff "
    "clock cloth cloud coast coat coin column comet compass copper cord corner cottage cotton counter cradle crane "
    "crate creek crop crown crystal cup curtain cushion dam desert desk diary dish dock door dome drawer drum dune "
    "eagle engine envelope fabric falcon farm feather fence fern ferry field flag flame flask flour flute forest "
    "forge fork fountain fox frame garden garlic gate glacier glass glove grain granite grape gravel grove guitar "
    "hail hammer harbor harp hat hatch hedge helmet herb hill hinge honey hook horn horse hut iron island ivory ivy "
    "jacket jar jewel jug kettle key kite kitchen knot ladder lake lamp lantern leaf lemon lens letter lever "
    "library lighthouse lily lock log loom maple marble market mask mast meadow medal melon mill mirror mist moon "
    "moss mountain mug nail needle nest net oak oar oat ocean olive onion orchard otter oven owl paddle palace "
    "paper parcel path pear pebble pencil pepper piano picture pier pillow pine pipe planet plank plate plow plum "
    "pocket pond porch pot prairie pump quarry quilt radio raft rail rain ranch reed ribbon ridge ring river road "
    "robe robin rock roof rope rose rudder saddle sail salt sand satchel scale scarf school seal shadow shelf shell "
    "ship shoe shovel silk silver slope smoke snow sock soil spade spark spice spoon spring square stable stair "
    "stamp star station stone stool storm stove straw stream street sugar summit swan table tailor tea tent thread "
    "thunder tile timber torch towel tower town track trail train tray tree trunk tunnel valley vase velvet vessel "
    "village vine violin wagon walnut wall wallet water wave well whale wharf wheat wheel whistle willow window "
    "wing winter wire wolf wood wool yard "
).split()
MORE_ADJECTIVES = (
    "amber ancient bold brave brief bright broad broken calm careful clean clear clever coarse cold common cool "
    "crisp curious damp dark dear deep dense dim distant dry dull dusty eager early eastern elegant empty even "
    "faint fair famous fast fine firm flat fond formal fresh friendly frozen gentle giant glad golden grand grave "
    "gray great green happy hard heavy hidden high hollow honest humble icy idle inner jolly keen kind large late "
    "lean light little lively local lonely long loose loud loyal lucky marine mellow merry mild modern modest "
    "narrow near neat noble northern old open orange outer pale patient plain pleasant polite proud purple quick "
    "quiet rapid rare ready red rich ripe rough round royal rural rusty scarlet secret sharp shiny short silent "
    "simple sleepy slender slim slow small smooth soft solid southern spare square steady steep stern still stout "
    "strange strict strong sturdy sudden sunny sweet swift tall tame tender thick thin tidy tiny tired tough usual "
    "vast vivid warm weary western white whole wide wild wise wooden yellow young "
).split()
PEOPLE = ("A farmer", "The teacher", "My neighbor", "A young sailor", "The old painter", "A traveler", "Her aunt")
PLACES = ("in the valley", "near the harbor", "behind the mill", "on the coast", "at the market", "in our town")
TIMES = ("In spring", "That winter", "Years later", "Every morning", "After the storm", "Before sunrise")
IDEAS = "patience work memory trade craft weather music travel trust learning".split()
REASONS = (
    "because nobody else had asked",
    "although the road was long",
    "while the children slept",
    "as the season required",
    "before anybody could object",
    "so that little would be lost",
)
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def syllable(rng):
    return rng.choice(CONSONANTS) + rng.choice(VOWELS) + (rng.choice("nrlsk") if rng.random() < 0.25 else "")


def word(rng, least=1, most=3):
    return "".join(syllable(rng) for _ in range(rng.randint(least, most)))


def name(rng):
    return word(rng, 2, 3).capitalize()


def digits(rng, count):
    return str(rng.randint(1, 9)) + "".join(rng.choice("0123456789") for _ in range(count - 1))


def hexadecimal(rng, count):
    return "".join(rng.choice("0123456789abcdef") for _ in range(count))


def uuid(rng):
    return "-".join(hexadecimal(rng, count) for count in (8, 4, 4, 4, 12))


def filler(rng):
    noun, adjective, verb = (lambda words=words: rng.choice(words) for words in (NOUNS, ADJECTIVES, VERBS))
    return rng.choice(
        (
            lambda: f"The {adjective()} {noun()} {verb()} the {noun()}.",
            lambda: f"A {noun()} near the {adjective()} {noun()} was {adjective()} and {adjective()}.",
            lambda: f"They {verb()} the {noun()} and {verb()} a {adjective()} {noun()}.",
            lambda: f"Every {noun()} is {adjective()} when the {noun()} is {adjective()}.",
            lambda: f"{verb().capitalize()} or not, the {noun()} stood by the {adjective()} {noun()}.",
        )
    )()


def prose(rng):
    """A sentence of an essay without an end, as the evaluation's haystacks have them."""
    noun, adjective, verb, people, place, when, idea, why = (
        (lambda words=words: rng.choice(words))
        for words in (MORE_NOUNS, MORE_ADJECTIVES, VERBS, PEOPLE, PLACES, TIMES, IDEAS, REASONS)
    )

    def thing():
        return f"{adjective()} {noun()}"

    return rng.choice(
        (
            lambda: f"{people()} {verb()} the {thing()} {place()}.",
            lambda: f"{when()}, the {thing()} stood beside a {thing()} {place()}.",
            lambda: f"There is more {idea()} in a {thing()} than most people think.",
            lambda: f"{people()} once said that {idea()} begins with the {noun()}.",
            lambda: f"They {verb()} a {thing()}, {why()}.",
            lambda: f"{when()} we spoke about {idea()} and about the {thing()}.",
            lambda: f"{idea().capitalize()} and {idea()} are not the same, yet the {noun()} needs both.",
            lambda: f"Not one {noun()} {place()} was as {adjective()} as the {noun()}.",
            lambda: f"What remains of the {thing()} is a question of {idea()}.",
        )
    )()


def some_word(rng):
    """An English word or something like one."""
    return rng.choice(MORE_NOUNS + MORE_ADJECTIVES) if rng.random() < 0.6 else word(rng, 2, 4)
