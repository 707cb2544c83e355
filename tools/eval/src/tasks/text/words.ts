import type { Draws } from '../../draws/draws.js';

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const NOUNS = words(`
  anchor apple apron arch arrow attic axle badge bakery balcony ball banner barley barn barrel basin basket bay beach bead
  beam bell belt bench berry bicycle birch blanket block boat bolt book boot bottle bowl bracelet branch brick bridge
  brook broom brush bucket buckle bundle button cabin cable cake camera canal candle canoe canvas carpet cart castle cave
  cedar cellar chain chalk chapel chart cherry chest chimney circle clay cliff clock cloth cloud coast coat coin column
  comet compass copper cord corner cottage cotton counter cradle crane crate creek crop crown crystal cup curtain cushion
  dam desert desk diary dish dock door dome drawer drum dune eagle engine envelope fabric falcon farm feather fence fern
  ferry field flag flame flask flour flute forest forge fork fountain fox frame garden garlic gate glacier glass glove
  grain granite grape gravel grove guitar hail hammer harbor harp hat hatch hedge helmet herb hill hinge honey hook horn
  horse hut iron island ivory ivy jacket jar jewel jug kettle key kite kitchen knot ladder lake lamp lantern leaf lemon
  lens letter lever library lighthouse lily lock log loom maple marble market mask mast meadow medal melon mill mirror
  mist moon moss mountain mug nail needle nest net oak oar oat ocean olive onion orchard otter oven owl paddle palace
  paper parcel path pear pebble pencil pepper piano picture pier pillow pine pipe planet plank plate plow plum pocket
  pond porch pot prairie pump quarry quilt radio raft rail rain ranch reed ribbon ridge ring river road robe robin rock
  roof rope rose rudder saddle sail salt sand satchel scale scarf school seal shadow shelf shell ship shoe shovel silk
  silver slope smoke snow sock soil spade spark spice spoon spring square stable stair stamp star station stone stool
  storm stove straw stream street sugar summit swan table tailor tea tent thread thunder tile timber torch towel tower
  town track trail train tray tree trunk tunnel valley vase velvet vessel village vine violin wagon walnut wall wallet
  water wave well whale wharf wheat wheel whistle willow window wing winter wire wolf wood wool yard`);

export const ADJECTIVES = words(`
  amber ancient bold brave brief bright broad broken calm careful clean clear clever coarse cold common cool crisp curious
  damp dark dear deep dense dim distant dry dull dusty eager early eastern elegant empty even faint fair famous fast fine
  firm flat fond formal fresh friendly frozen gentle giant glad golden grand grave gray great green happy hard heavy
  hidden high hollow honest humble icy idle inner jolly keen kind large late lean light little lively local lonely long
  loose loud loyal lucky marine mellow merry mild modern modest narrow near neat noble northern old open orange outer pale
  patient plain pleasant polite proud purple quick quiet rapid rare ready red rich ripe rough round royal rural rusty
  scarlet secret sharp shiny short silent simple sleepy slender slim slow small smooth soft solid southern spare square
  steady steep stern still stout strange strict strong sturdy sudden sunny sweet swift tall tame tender thick thin tidy
  tiny tired tough usual vast vivid warm weary western white whole wide wild wise wooden yellow young`);

const VERBS = words(`
  admire answer arrange ask bake balance bend borrow bring build carry carve catch celebrate change chase choose climb
  collect compare copy count cover cross dance deliver describe dig discover draw dream drive enjoy enter explain explore
  fasten fill find finish fix fold follow gather give greet grow guard guess guide help hide hope hurry imagine improve
  invent invite join jump keep knit laugh lead learn lift listen load look measure mend mix move notice offer open order
  pack paint plant play polish pour praise prepare promise pull push raise reach read remember repair rest return rise
  row sail save search sell send serve share shine sing sketch sleep smile solve sort speak spin start stay study swim
  teach thank think tie travel try turn unfold visit wait walk wander wash watch weave whisper wonder work write`);

/** Of the words above each once: what lists of words are made of first. */
export const ALL_WORDS: readonly string[] = [...new Set([...NOUNS, ...ADJECTIVES, ...VERBS])].sort();

/** Two words of which there are tens of thousands: a key that no other text has. */
export function wordPair(draws: Draws): string {
  return `${draws.pick(ADJECTIVES)}-${draws.pick(NOUNS)}`;
}

/** `count` different words in a random order; where English ones run out, made-up ones that can be spoken. */
export function distinctWords(draws: Draws, count: number): string[] {
  const english = draws.shuffled(ALL_WORDS);
  if (count <= english.length) return english.slice(0, count);
  const known = new Set(english);
  const invented = draws.distinct(count - english.length, () => {
    const word = inventedWord(draws);
    return known.has(word) ? `${word}o` : word;
  });
  return draws.shuffled([...english, ...invented]);
}

function inventedWord(draws: Draws): string {
  const syllable = (): string => draws.letters(1, 'bdfgklmnprstvz') + draws.letters(1, 'aeiou');
  return syllable() + syllable() + syllable() + draws.letters(1, 'lnrsk');
}
