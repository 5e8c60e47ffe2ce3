#include "analyze/lexicon.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/lexicon_parts.h"
#include "base/str.h"

static const struct kn_word_list lists[] = {
    {KN_CLASS_FUNCTION,
     "a an the and or but nor if so as than then though although because cause while whether until "
     "unless since when where why how what which who whom whose that this these those there here "
     "i me my mine myself you your yours yourself he him his himself she her hers herself it its "
     "itself we us our ours ourselves they them their theirs themselves one ones someone somebody "
     "something anyone anybody anything everyone everybody everything no-one nobody nothing none "
     "of to in on at by for from with without into onto over under up down out off about above "
     "below between among through during before after against along across around behind beside "
     "beyond near toward towards upon within per via like unlike except back away again "
     "am is are was were be been being have has had having do does did done doing will would shall "
     "should can could may might must ought need needs dare gonna wanna gotta let lets let's get "
     "gets got getting gotten go goes going gone went come comes coming came put puts make makes "
     "made making take takes took taken say says said tell tells told know knows knew known think "
     "thinks thought mean means meant see sees saw seen look looks looking want wants wanted try "
     "trying give gives gave keep use used using seem seems guess suppose feel feels kind sort "
     "thing things stuff way ways lot lots bit little much many more most less least few several "
     "some any all both each every either neither other others another such same own too also "
     "very really quite rather pretty just only even still yet already always never ever often "
     "sometimes maybe perhaps probably actually basically literally obviously definitely "
     "certainly well good great nice fine okay ok oh yes yeah yep no nope not right sure exactly "
     "please thanks thank sorry hello hi hey bye now today anyway etc else once twice first last "
     "next i'm i've i'll i'd you're you've you'll you'd he's he'll he'd she's she'll she'd it's "
     "it'll it'd we're we've we'll we'd they're they've they'll they'd that's that'll that'd "
     "there's there're there'll here's what's where's who's how's when's don't doesn't didn't "
     "isn't aren't wasn't weren't won't wouldn't can't cannot couldn't shouldn't haven't hasn't "
     "hadn't mustn't needn't ain't y'all gimme lemme dunno"},
    {KN_CLASS_FILLER, "uh um er erm eh ah hm hmm mm uhm umm uhh huh ehm mhm"},
    {KN_CLASS_AFFIRM,
     "yeah yes yep yup no nope nah okay ok 'kay mm hmm hm mm-hmm uh-huh mhm right sure exactly "
     "alright oh ah wow cool great good nice fine thanks absolutely definitely true indeed"},
    {KN_CLASS_NUMBER,
     "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
     "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
     "hundreds thousand thousands million millions billion billions trillion dozen percent half "
     "quarter third double triple twice dollars euros pounds cents"},
    {KN_CLASS_WE, "we us our ours ourselves we're we've we'll we'd let's lets"},
    {KN_CLASS_YOU, "you your yours yourself you're you've you'll you'd"},
    {KN_CLASS_SPEAKING, "i i'm i've i'll i'd me my mine myself"},
    {KN_CLASS_STANCE,
     "should must need needs shall might may could maybe perhaps probably think believe suggest "
     "propose recommend decide decided decision agree agreed important gonna plan idea better "
     "prefer want wanted goal problem solution main key point possible"},
    {KN_CLASS_CLAIM,
     "never always most every everyone everybody everything nobody nothing none only best worst "
     "biggest greatest largest smallest fastest hardest easiest cheapest first ever totally "
     "completely absolutely impossible must definitely exactly huge massive incredible "
     "unbelievable extremely fundamental critical essential crucial"},
    {KN_CLASS_CONTRAST,
     "but however although though instead actually rather yet whereas unlike despite otherwise "
     "versus except surprisingly turns contrary"},
    {KN_CLASS_REASON,
     "because therefore thus hence reason reasons why means cause since result results leads "
     "causes explains"},
    {KN_CLASS_QUESTION,
     "what why how who when where which whose is are do does did can could would will should have "
     "has isn't aren't don't doesn't didn't won't wouldn't couldn't shouldn't"},
    {KN_CLASS_HANGING,
     "and but so because cause or nor which whereas although though then that's also plus "
     "otherwise therefore either whereby except until unless than"},
    {KN_CLASS_POINTING,
     "it it's it'll he he's she she's they they're them him her that that's this these those "
     "there's such same"},
    {KN_CLASS_OPENING,
     "okay ok right alright so now well next first second finally anyway let's let today another "
     "moving"},
    {KN_CLASS_LEFT_OPEN,
     "and or but so because the a an of to in on at by for from with into about than as if that "
     "which who is are was were be has have had will would can could should my your our their his "
     "her its this these those very really i we they he she like um uh"},
    {KN_CLASS_EMOTION,
     "love loved hate hated amazing awesome terrible horrible beautiful ugly scary afraid fear "
     "happy sad angry excited exciting crazy insane funny hilarious shocked surprised surprising "
     "worried hope hopeless proud ashamed embarrassed perfect wonderful fantastic awful dream "
     "nightmare tears cry cried laugh laughed died dead death kill killed war fight free secret "
     "truth lie lies mistake mistakes failure failed fail success win won lost lose money rich "
     "poor powerful dangerous"},
    {KN_CLASS_NEGATION,
     "not no never nothing nobody none don't doesn't didn't can't cannot couldn't won't wouldn't "
     "isn't aren't wasn't weren't shouldn't haven't hasn't ain't"},
    {0, NULL},
};

/* A closed hash of the lists, built once for the life of the process. */
enum { SLOTS = 4096 };

static struct {
    const char *word; /* into `text` */
    uint32_t classes;
} slots[SLOTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t slot_of(const char *word, size_t length)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)word[i]) * 16777619u;
    size_t slot = h % SLOTS;
    while (slots[slot].word &&
           (strncmp(slots[slot].word, word, length) != 0 ||
            (slots[slot].word[length] != ' ' && slots[slot].word[length] != '\0')))
        slot = (slot + 1) % SLOTS;
    return slot;
}

static void add_lists(const struct kn_word_list *list)
{
    for (; list->words; list++) {
        for (const char *word = list->words; *word;) {
            size_t length = strcspn(word, " ");
            size_t slot = slot_of(word, length);
            slots[slot].word = word;
            slots[slot].classes |= (uint32_t)list->class;
            word += length;
            word += *word == ' ';
        }
    }
}

static void build(void)
{
    add_lists(lists);
    add_lists(kn_lexicon_cjk);
}

uint32_t kn_word_classes(const char *folded)
{
    pthread_once(&once, build);
    size_t length = strlen(folded);
    return length ? slots[slot_of(folded, length)].classes : 0;
}

/* What speakers say when something worth hearing follows; with a space at both ends. */
static const struct kn_phrase hooks[] = {
    {" here's why ", 1.0f},
    {" here is why ", 1.0f},
    {" here's the thing ", 1.0f},
    {" here's what ", 0.8f},
    {" here's how ", 1.0f},
    {" the truth is ", 1.0f},
    {" the secret ", 1.0f},
    {" did you know ", 1.0f},
    {" what if ", 0.9f},
    {" imagine ", 0.9f},
    {" let me tell you ", 0.8f},
    {" i'll tell you ", 0.8f},
    {" let me show you ", 0.8f},
    {" most people ", 0.9f},
    {" nobody tells you ", 1.0f},
    {" no one tells you ", 1.0f},
    {" nobody talks about ", 1.0f},
    {" the biggest mistake ", 1.0f},
    {" the problem is ", 0.9f},
    {" the problem with ", 0.9f},
    {" the main problem ", 0.8f},
    {" the real problem ", 1.0f},
    {" the reason ", 0.8f},
    {" that's the reason ", 0.6f},
    {" turns out ", 0.9f},
    {" it turned out ", 0.8f},
    {" the question is ", 0.9f},
    {" ask yourself ", 0.9f},
    {" think about ", 0.6f},
    {" have you ever ", 1.0f},
    {" you have to ", 0.5f},
    {" you need to ", 0.6f},
    {" you should never ", 1.0f},
    {" never forget ", 0.9f},
    {" the best way ", 0.9f},
    {" the only way ", 0.9f},
    {" the first thing ", 0.7f},
    {" the most important ", 0.9f},
    {" one of the most ", 0.7f},
    {" the difference between ", 0.8f},
    {" how do you ", 0.7f},
    {" how to ", 0.5f},
    {" what happens when ", 0.9f},
    {" what happened ", 0.6f},
    {" i realized ", 0.8f},
    {" i learned ", 0.7f},
    {" i was wrong ", 1.0f},
    {" i will never forget ", 1.0f},
    {" when i was ", 0.6f},
    {" true story ", 0.9f},
    {" changed my life ", 1.0f},
    {" changed everything ", 1.0f},
    {" for the first time ", 0.7f},
    {" in the history of ", 0.8f},
    {" it's not about ", 0.8f},
    {" the point is ", 0.7f},
    {" the key is ", 0.8f},
    {" my advice ", 0.8f},
    {" if you want ", 0.6f},
    {" stop doing ", 0.9f},
    {" we're going to talk about ", 0.6f},
    {" believe it or not ", 0.9f},
    {" long story short ", 0.7f},
    {" in other words ", 0.4f},
    {NULL, 0},
};

/* What speakers say when they bring a thought to its end. */
static const struct kn_phrase closings[] = {
    {" that's why ", 1.0f},
    {" that is why ", 1.0f},
    {" that's how ", 0.7f},
    {" that's what ", 0.6f},
    {" that's it ", 0.7f},
    {" in the end ", 0.8f},
    {" at the end of the day ", 0.9f},
    {" so remember ", 1.0f},
    {" the point is ", 0.9f},
    {" the lesson ", 1.0f},
    {" in short ", 0.9f},
    {" to sum up ", 0.9f},
    {" in conclusion ", 0.9f},
    {" the bottom line ", 1.0f},
    {" and that was ", 0.6f},
    {" so that's ", 0.6f},
    {" which means ", 0.5f},
    {" that means ", 0.6f},
    {" the result ", 0.5f},
    {" and that's ", 0.6f},
    {" thank you ", 0.4f},
    {NULL, 0},
};

static float strongest(const struct kn_phrase *phrases, const char *text, const char **ret_phrase)
{
    float best = 0;
    for (; phrases->text; phrases++) {
        if (phrases->strength > best && strstr(text, phrases->text)) {
            best = phrases->strength;
            *ret_phrase = phrases->text;
        }
    }
    return best;
}

/* Phrases of Japanese and Chinese go over words that a dictionary parts, so they are looked for
 * without the spaces. */
static float strongest_of(const struct kn_phrase *spaced, const struct kn_phrase *spaceless,
                          const char *folded, const char **ret_phrase)
{
    KN_SCOPED_STR joined = {0};
    *ret_phrase = NULL;
    float found = strongest(spaced, folded, ret_phrase);
    if (found > 0)
        return found;
    for (const char *at = folded; *at; at++)
        if (*at != ' ')
            kn_str_add_char(&joined, *at);
    return strongest(spaceless, kn_str_text(&joined), ret_phrase);
}

float kn_hook_phrase(const char *folded, const char **ret_phrase)
{
    return strongest_of(hooks, kn_hooks_cjk, folded, ret_phrase);
}

float kn_closing_phrase(const char *folded, const char **ret_phrase)
{
    return strongest_of(closings, kn_closings_cjk, folded, ret_phrase);
}
