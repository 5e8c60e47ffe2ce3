/* Japanese and Chinese: the same classes as for English, over the words of base/words.h. */
#include "analyze/lexicon_parts.h"

#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"

/* Hiragana alone is grammar and never a term (text.c), so that only what has Han letters or is
 * Chinese needs to be listed as a function word. */
const struct kn_word_list kn_lexicon_cjk[] = {
    {KN_CLASS_FUNCTION,
     "私 僕 俺 彼 彼女 誰 何 今 今日 昨日 明日 時 人 方 事 物 所 中 上 下 前 後 間 場合 自分 皆 "
     "皆さん "
     "言 言う 言っ 行 行く 来 来る 見 見る 思 思う 思い 思っ 思って 知 知っ 出 入 使 使う 使っ 持 "
     "持っ "
     "作 作る 取 取る 聞 聞い 分 本当 本当に 必 少 多 多く 一番 全部 全て 他 等 的 達 次 "
     "我 你 您 他 她 它 我们 你们 他们 我們 你們 他們 自己 这 那 這 這个 这个 那个 這個 那個 这些 "
     "那些 "
     "这样 那样 這樣 那樣 这里 那里 这么 那么 什么 什麼 怎么 怎麼 为什么 為什麼 谁 誰 哪 哪里 多少 "
     "几 "
     "是 有 在 和 与 與 或 就 也 都 还 還 又 再 才 只 很 太 更 最 不 没 没有 沒有 别 要 会 會 能 "
     "可以 "
     "应该 應該 可能 需要 想 说 說 讲 講 看 看到 去 来 來 到 从 從 对 對 把 被 让 讓 给 給 跟 向 "
     "为 為 "
     "因为 因為 所以 但 但是 可是 如果 虽然 雖然 而 而且 然后 然後 其实 其實 一个 一個 一些 一样 "
     "一樣 "
     "时候 時候 现在 現在 今天 大家 人 时 事 东西 東西 觉得 覺得 知道 做 用 大 小 多 少 好 里 裡 "
     "上 下 "
     "了 的 着 过 們 们 吗 嗎 呢 吧 啊 得 地 之 过 過"},
    {KN_CLASS_FILLER, "えー ええと えっと えーと あのー そのー うーん んー 嗯 呃 唔"},
    {KN_CLASS_AFFIRM, "はい うん ええ いいえ いや なるほど ああ へえ 对 對 嗯 好的 是的 没错 沒錯"},
    {KN_CLASS_WE, "私たち 我々 僕ら 我们 我們 咱们 咱們 大家"},
    {KN_CLASS_YOU, "あなた 皆さん みなさん 皆様 你 您 你们 你們 各位"},
    {KN_CLASS_SPEAKING, "私 僕 俺 我"},
    {KN_CLASS_STANCE, "べき 必要 大切 大事 重要 提案 決め 決める 決まり 決まる 思います 思う 思い "
                      "考え 考える 問題 解決 "
                      "課題 目標 計画 方法 理想 可能 おすすめ お勧め 应该 應該 必须 必須 需要 可能 "
                      "觉得 覺得 认为 認為 "
                      "建议 建議 决定 決定 问题 問題 解决 解決 关键 關鍵 目标 目標 计划 計劃"},
    {KN_CLASS_CLAIM, "絶対 絶対に 必ず 一番 最も 最高 最大 最悪 最初 唯一 全て すべて 誰も 決して "
                     "完全 完全に 間違いなく "
                     "常に 初めて 世界 最好 最大 最重要 唯一 从来 從來 永远 永遠 绝对 絕對 一定 "
                     "所有 每个 每個 完全"},
    {KN_CLASS_CONTRAST, "しかし でも けれど 逆に 実際 実際は 実は むしろ ところが 一方 反対に 意外 "
                        "意外に 但是 可是 不过 "
                        "不過 然而 反而 其实 其實 竟然 却 卻"},
    {KN_CLASS_REASON,
     "なぜなら 理由 原因 ため 結果 因为 因為 所以 因此 原因 理由 结果 結果 于是 於是"},
    {KN_CLASS_QUESTION, "なぜ どうして 何故 何 誰 どこ いつ どう どんな どれ どの 为什么 為什麼 "
                        "怎么 怎麼 什么 什麼 谁 "
                        "誰 哪里 如何 难道 難道"},
    {KN_CLASS_HANGING,
     "そして でも だから しかし それで それから また なので ですから けど だけど それに しかも "
     "つまり "
     "すると 但是 可是 所以 而且 因为 因為 然后 然後 因此 不过 不過 而 于是 於是 另外"},
    {KN_CLASS_POINTING,
     "これ それ あれ その そこ あの そう こう そんな こんな そちら 彼 彼女 这 那 這 这个 那个 這個 "
     "那個 这些 那些 他 她 它 他们 他們 这样 這樣"},
    {KN_CLASS_OPENING, "さて では じゃあ まず 次 次に 最初 最初に 最後 最後に 今日 今日は ところで "
                       "続いて もう 首先 那么 "
                       "那麼 好 接下来 接下來 今天 现在 現在 下面 最后 最後 第二 第三"},
    {KN_CLASS_LEFT_OPEN,
     "は が を に で と も の へ や て から ので のに より として について によって という なら "
     "たら "
     "ば し この その あの どの そして しかし だから でも また もし 的 和 与 與 在 把 被 对 對 从 "
     "從 "
     "向 跟 给 給 因为 因為 所以 但是 如果 虽然 雖然 而 而且 就 是 不 很 也 都 这 這 那 一个 一個"},
    {KN_CLASS_EMOTION, "嬉しい 悲しい 怖い 怖く 楽しい 悔しい 驚き 驚い 驚く 感動 失敗 成功 後悔 "
                       "恐怖 涙 泣い 笑っ 笑い "
                       "夢 愛 嫌い 大好き 好き 危険 秘密 嘘 真実 命 死 死ん 奇跡 衝撃 人生 爱 愛 "
                       "恨 害怕 高兴 高興 难过 "
                       "難過 惊讶 驚訝 感动 感動 失败 失敗 成功 后悔 後悔 眼泪 眼淚 梦想 夢想 秘密 "
                       "真相 危险 危險 生命 "
                       "奇迹 奇蹟 疯狂 瘋狂"},
    {KN_CLASS_NEGATION, "ない ません なかった いいえ 不 没 没有 沒 沒有 别 別"},
    {0, NULL},
};

const struct kn_phrase kn_hooks_cjk[] = {
    {"実は", 0.8f},         {"なぜ", 0.6f},       {"知っていますか", 1.0f}, {"ご存知", 0.9f},
    {"ご存じ", 0.9f},       {"秘密", 0.8f},       {"大切なのは", 0.9f},     {"大事なのは", 0.9f},
    {"重要なのは", 0.9f},   {"一番大切", 0.9f},   {"一番大事", 0.9f},       {"最も重要", 0.9f},
    {"ポイントは", 0.7f},   {"コツは", 0.8f},     {"結論から", 1.0f},       {"本当の理由", 1.0f},
    {"理由は", 0.8f},       {"問題は", 0.8f},     {"違いは", 0.8f},         {"多くの人", 0.8f},
    {"ほとんどの人", 0.9f}, {"誰も教えて", 1.0f}, {"驚くことに", 0.9f},     {"意外なことに", 0.9f},
    {"想像してみて", 0.9f}, {"考えてみて", 0.7f}, {"間違い", 0.6f},         {"人生が変わ", 1.0f},
    {"忘れられない", 0.9f}, {"たった", 0.6f},     {"方法", 0.4f},           {"其实", 0.8f},
    {"其實", 0.8f},         {"你知道吗", 1.0f},   {"你知道嗎", 1.0f},       {"为什么", 0.7f},
    {"為什麼", 0.7f},       {"最重要的", 0.9f},   {"大多数人", 0.9f},       {"大多數人", 0.9f},
    {"很多人", 0.8f},       {"真相", 1.0f},       {"问题是", 0.9f},         {"問題是", 0.9f},
    {"没有人告诉", 1.0f},   {"沒有人告訴", 1.0f}, {"想象一下", 0.9f},       {"想像一下", 0.9f},
    {"关键", 0.8f},         {"關鍵", 0.8f},       {"最大的错误", 1.0f},     {"最大的錯誤", 1.0f},
    {"改变了我", 1.0f},     {"改變了我", 1.0f},   {"第一次", 0.6f},         {NULL, 0},
};

const struct kn_phrase kn_closings_cjk[] = {
    {"というわけで", 0.9f},
    {"まとめると", 1.0f},
    {"大切なのは", 0.8f},
    {"だからこそ", 0.9f},
    {"それが理由", 1.0f},
    {"ということです", 0.7f},
    {"ということなんです", 0.8f},
    {"覚えておいて", 1.0f},
    {"結局", 0.8f},
    {"つまり", 0.7f},
    {"以上です", 0.7f},
    {"ありがとうございました", 0.4f},
    {"这就是为什么", 1.0f},
    {"這就是為什麼", 1.0f},
    {"总而言之", 1.0f},
    {"總而言之", 1.0f},
    {"总之", 0.9f},
    {"總之", 0.9f},
    {"记住", 0.9f},
    {"記住", 0.9f},
    {"归根结底", 0.9f},
    {"谢谢", 0.4f},
    {"謝謝", 0.4f},
    {NULL, 0},
};

float kn_phrase_within(const struct kn_phrase *phrases, const char *folded, const char **ret_phrase)
{
    KN_SCOPED_STR joined = {0};
    float best = 0;

    for (const char *at = folded; *at; at++)
        if (*at != ' ')
            kn_str_add_char(&joined, *at);
    for (; phrases->text; phrases++) {
        if (phrases->strength > best && strstr(kn_str_text(&joined), phrases->text)) {
            best = phrases->strength;
            *ret_phrase = phrases->text;
        }
    }
    return best;
}

static bool is_among(uint32_t c, const char *list)
{
    uint32_t other;

    for (size_t n; (n = kn_utf8_next(list, &other)); list += n)
        if (other == c)
            return true;
    return false;
}

bool kn_word_counts(const char *folded)
{
    static const char numerals[] = "一二三四五六七八九十百千万億兆〇两兩萬亿";
    static const char counters[] = "分年月日時时秒人個个円元本回次倍歳岁階度代目杯枚台件点名位%％";
    bool number = false;
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(folded, &c)); folded += n) {
        bool digit = kn_char_is_digit(c) || (c >= 0xff10 && c <= 0xff19) || is_among(c, numerals);
        if (!digit && !(number && (is_among(c, counters) || c == '.' || c == ',')))
            return false;
        number = true;
    }
    return number;
}
