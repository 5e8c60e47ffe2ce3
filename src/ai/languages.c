#include "ai/languages.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* Whisper's languages (openai/whisper, whisper/tokenizer.py, v20250625) by BCP 47, with its other
 * names for them. Two are not as it has them: Javanese is "jw" there, and Filipino has a tag of its
 * own. */
static const struct {
    const char *tag, *name;
} languages[] = {
    {"af", "afrikaans"},      {"am", "amharic"},     {"ar", "arabic"},
    {"as", "assamese"},       {"az", "azerbaijani"}, {"ba", "bashkir"},
    {"be", "belarusian"},     {"bg", "bulgarian"},   {"bn", "bengali"},
    {"bo", "tibetan"},        {"br", "breton"},      {"bs", "bosnian"},
    {"ca", "catalan"},        {"cs", "czech"},       {"cy", "welsh"},
    {"da", "danish"},         {"de", "german"},      {"el", "greek"},
    {"en", "english"},        {"es", "spanish"},     {"et", "estonian"},
    {"eu", "basque"},         {"fa", "persian"},     {"fi", "finnish"},
    {"fo", "faroese"},        {"fr", "french"},      {"gl", "galician"},
    {"gu", "gujarati"},       {"ha", "hausa"},       {"haw", "hawaiian"},
    {"he", "hebrew"},         {"hi", "hindi"},       {"hr", "croatian"},
    {"ht", "haitian creole"}, {"hu", "hungarian"},   {"hy", "armenian"},
    {"id", "indonesian"},     {"is", "icelandic"},   {"it", "italian"},
    {"ja", "japanese"},       {"jv", "javanese"},    {"ka", "georgian"},
    {"kk", "kazakh"},         {"km", "khmer"},       {"kn", "kannada"},
    {"ko", "korean"},         {"la", "latin"},       {"lb", "luxembourgish"},
    {"ln", "lingala"},        {"lo", "lao"},         {"lt", "lithuanian"},
    {"lv", "latvian"},        {"mg", "malagasy"},    {"mi", "maori"},
    {"mk", "macedonian"},     {"ml", "malayalam"},   {"mn", "mongolian"},
    {"mr", "marathi"},        {"ms", "malay"},       {"mt", "maltese"},
    {"my", "myanmar"},        {"ne", "nepali"},      {"nl", "dutch"},
    {"nn", "nynorsk"},        {"no", "norwegian"},   {"oc", "occitan"},
    {"pa", "punjabi"},        {"pl", "polish"},      {"ps", "pashto"},
    {"pt", "portuguese"},     {"ro", "romanian"},    {"ru", "russian"},
    {"sa", "sanskrit"},       {"sd", "sindhi"},      {"si", "sinhala"},
    {"sk", "slovak"},         {"sl", "slovenian"},   {"sn", "shona"},
    {"so", "somali"},         {"sq", "albanian"},    {"sr", "serbian"},
    {"su", "sundanese"},      {"sv", "swedish"},     {"sw", "swahili"},
    {"ta", "tamil"},          {"te", "telugu"},      {"tg", "tajik"},
    {"th", "thai"},           {"tk", "turkmen"},     {"tl", "tagalog"},
    {"tr", "turkish"},        {"tt", "tatar"},       {"uk", "ukrainian"},
    {"ur", "urdu"},           {"uz", "uzbek"},       {"vi", "vietnamese"},
    {"yi", "yiddish"},        {"yo", "yoruba"},      {"yue", "cantonese"},
    {"zh", "chinese"},
};

static const struct {
    const char *other, *tag;
} aliases[] = {
    {"burmese", "my"},
    {"castilian", "es"},
    {"flemish", "nl"},
    {"haitian", "ht"},
    {"letzeburgesch", "lb"},
    {"mandarin", "zh"},
    {"moldavian", "ro"},
    {"moldovan", "ro"},
    {"panjabi", "pa"},
    {"pushto", "ps"},
    {"sinhalese", "si"},
    {"valencian", "ca"},
    {"filipino", "tl"},
    {"farsi", "fa"},
    {"jw", "jv"},
    {"iw", "he"},
    {"in", "id"},
    {"ji", "yi"},
    {"nb", "no"},
    {"fil", "tl"},
};

static const char *find_code(const char *code, size_t length)
{
    for (size_t i = 0; i < KN_COUNT_OF(languages); i++)
        if (strlen(languages[i].tag) == length && strncasecmp(languages[i].tag, code, length) == 0)
            return languages[i].tag;
    for (size_t i = 0; i < KN_COUNT_OF(aliases); i++)
        if (strlen(aliases[i].other) == length && strncasecmp(aliases[i].other, code, length) == 0)
            return aliases[i].tag;
    return NULL;
}

const char *kn_language_tag(const char *name)
{
    if (!name)
        return NULL;
    for (size_t i = 0; i < KN_COUNT_OF(languages); i++)
        if (strcasecmp(languages[i].name, name) == 0)
            return languages[i].tag;
    return find_code(name, strcspn(name, "-_")); /* "en-US", "pt_BR", or an alias */
}

const char *kn_language_iso639_1(const char *tag)
{
    const char *found = tag ? find_code(tag, strcspn(tag, "-_")) : NULL;
    /* What is no ISO 639-1, or is something else at Whisper, is better not said at all. */
    return found && strlen(found) == 2 && strcmp(found, "jv") != 0 ? found : NULL;
}
