/* What a ranking model answers: whatever it is, proposals begin and end with lines, last as long as
 * they should, come best first, and their texts are clean. */
#include "ai/openai_ranker.h"
#include "fuzz/chat_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 12, WANTED = 4 };

/* Lines of different lengths, with a gap in the middle and two that overlap. */
static struct kn_rank_line lines[LINES];

static struct kn_rank_window window_of_lines(void)
{
    for (int i = 0; i < LINES; i++) {
        int64_t start_us = i * 100 + (i >= 6 ? 1000 : 0);
        lines[i] = (struct kn_rank_line){start_us, start_us + 60 + i % 3 * 40, "Words.", i % 2};
    }
    return (struct kn_rank_window){
        .lines = lines, .line_count = LINES, .wanted = WANTED, .min_us = 150, .max_us = 450};
}

static void check_bounds(const struct kn_proposal *proposal)
{
    bool starts = false, ends = false;
    for (int i = 0; i < LINES; i++) {
        starts = starts || lines[i].start_us == proposal->start_us;
        ends = ends || lines[i].end_us == proposal->end_us;
    }
    assert(starts && ends);
    int64_t us = proposal->end_us - proposal->start_us;
    assert(us >= 150 && us <= 450);
}

static void check_posts(const struct kn_proposal *proposal)
{
    for (int i = 0; i < proposal->post_count; i++) {
        const struct kn_proposed_post *post = &proposal->posts[i];
        check_text(post->description, 1500, true);
        assert(post->hashtag_count >= 0 && post->hashtag_count <= 10);
        for (int k = 0; k < post->hashtag_count; k++) {
            check_text(post->hashtags[k], 60, false);
            assert(post->hashtags[k][0] && !strpbrk(post->hashtags[k], "# "));
        }
    }
}

static void use(const json_t *content)
{
    struct kn_rank_window window = window_of_lines();
    struct kn_arena *arena = kn_arena_new();
    const struct kn_proposal *proposals;
    int count = kn_ranker_read(&window, content, arena, &proposals);
    assert(count >= 0 && count <= WANTED);
    for (int i = 0; i < count; i++) {
        const struct kn_proposal *proposal = &proposals[i];
        check_bounds(proposal);
        assert(proposal->score >= 0 && proposal->score <= 100);
        assert(i == 0 || proposal->score <= proposals[i - 1].score);
        check_text(proposal->title, KN_PROPOSAL_TITLE_MAX, false);
        check_text(proposal->hook, KN_PROPOSAL_HOOK_MAX, false);
        check_text(proposal->reason, KN_PROPOSAL_REASON_MAX, false);
        check_posts(proposal);
    }
    struct kn_error err = {0};
    if (kn_ranker_check(&window, content, &err) != KN_OK)
        assert(count == 0 && strlen(err.text) > 10);
    kn_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KN_SCOPED_JSON schema = kn_ranker_schema();
    chat_input(data, size, schema, use);
    return 0;
}
