// npm's independent client of X, pointed at BASE_URL: consents, uploads FILE, posts it, refreshes
// its token, and prints what came of it as JSON. The client's code alone speaks to the service.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import http from "node:http";

const [folder, base, file] = process.argv.slice(2);
const { TwitterApi } = createRequire(folder + "/")("twitter-api-v2");
const redirectUri = "http://127.0.0.1:9/back";

// Some of its addresses are fixed; all that it asks goes to the sandbox.
const elsewhere = {
  onBeforeRequest({ computedParams }) {
    computedParams.url = new URL(base + computedParams.url.pathname + computedParams.url.search);
  },
};
const settings = { httpAgent: new http.Agent(), plugins: [elsewhere] };
const app = { clientId: "sandbox-client", clientSecret: "sandbox-secret" };

function use(client) {
  client.v2.setPrefix(base + "/2/");
  return client.v2;
}

function refused(error) {
  const { status, title, detail, errors } = error.data ?? {};
  return { status: error.code ?? status, title, said: errors?.[0]?.message ?? detail ?? error.message };
}

const visitor = new TwitterApi(app, settings);
const link = visitor.generateOAuth2AuthLink(redirectUri, {
  scope: ["tweet.read", "tweet.write", "users.read", "media.write", "offline.access"],
});
const page = new URL(link.url);
const answer = await fetch(base + page.pathname + page.search + "&sandbox_consent=allow", { redirect: "manual" });
const back = new URL(answer.headers.get("location"));
const signedIn = await visitor.loginWithOAuth2({
  code: back.searchParams.get("code"), codeVerifier: link.codeVerifier, redirectUri,
});
let api = use(signedIn.client);
const me = await api.me();
const video = readFileSync(file);
const id = await api.uploadMedia(video, { media_type: "video/mp4" }, 10_000);
const text = "A clip & more: https://example.com/ü 🎬";
const posted = await api.tweet(text, { media: { media_ids: [id] } });
const again = await api.tweet(text).catch(refused);
const tooLong = await api.tweet("語".repeat(141)).catch(refused);
const refreshed = await visitor.refreshOAuth2Token(signedIn.refreshToken);
api = use(refreshed.client);
const timeline = await api.userTimeline(me.data.id, { max_results: 5, "tweet.fields": ["created_at"] });
const rates = timeline.rateLimit;
const deleted = await api.deleteTweet((await api.tweet("not for long")).data.id);
const reused = await visitor.refreshOAuth2Token(signedIn.refreshToken).catch(refused);
const after = await api.me().catch(refused);

console.log(JSON.stringify({
  state: back.searchParams.get("state") === link.state,
  me: me.data,
  scopes: signedIn.scope,
  bytes: video.length,
  posted: posted.data,
  again,
  tooLong,
  rotated: refreshed.refreshToken !== signedIn.refreshToken && refreshed.accessToken !== signedIn.accessToken,
  timeline: timeline.data.data,
  rates,
  deleted: deleted.data,
  reused,
  after,
}));
